"""Pages of a list, as OpenAI's clients go through them: `has_more` is always said."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query

from sintonia.serve.refusals import Refused, shown

After = Annotated[str | None, Query(max_length=512)]


def page_of(objects: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """A page of at most `limit` objects, of which one more was looked for."""
    shown_objects = objects[:limit]
    return {
        "object": "list",
        "data": shown_objects,
        "first_id": shown_objects[0]["id"] if shown_objects else None,
        "last_id": shown_objects[-1]["id"] if shown_objects else None,
        "has_more": len(objects) > limit,
    }


def unknown_after(after: str) -> Refused:
    """That a page cannot begin behind what is not there."""
    return Refused(
        400, f"There is nothing of the id '{shown(after)}' to go on after", code="invalid_value", about="after"
    )

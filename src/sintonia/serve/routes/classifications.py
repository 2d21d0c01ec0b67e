"""`/v1/classifications`: our own; what a model with a head says of texts, with its calibrated probabilities.

Questions of many requests are answered as one batch.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from sintonia.serve.refusals import Refused
from sintonia.serve.routes.access import behind_token, state_of

router = APIRouter(prefix="/v1/classifications")
Text = Annotated[str, Field(max_length=1_000_000)]
Pair = Annotated[list[Text], Field(min_length=2, max_length=2)]
MOST_TEXTS = 2048


class Inputs(BaseModel, extra="forbid"):
    """The body of `POST /v1/classifications`."""

    model: Annotated[str, Field(min_length=1, max_length=512)]
    input: (
        Text
        | Annotated[list[Text], Field(min_length=1, max_length=MOST_TEXTS)]
        | Annotated[list[Pair], Field(min_length=1, max_length=MOST_TEXTS)]
    )
    """A text or several; of a model that reads pairs a list of `[one, other]`."""


@router.post("")
@behind_token
async def create_classifications(request: Request, inputs: Inputs) -> dict[str, Any]:
    """Answers texts: `prediction`, of labels `probabilities` and `is_out_of_scope`, of a tagger `spans`."""
    state = state_of(request)
    answerer = await state.answering.answerer(state.offers.find(inputs.model))
    asked: list[Any] = [inputs.input] if isinstance(inputs.input, str) else list(inputs.input)
    are_pairs = isinstance(asked[0], list)
    if are_pairs != answerer.takes_pairs:
        expected = "pairs of texts: `[[one, other]]`" if answerer.takes_pairs else "a text or a list of texts"
        raise Refused(400, f"The model reads {expected}", code="invalid_value", about="input")
    found = await state.answering.ask(answerer, [tuple(one) for one in asked] if are_pairs else asked)
    rows = [{"object": "classification", "index": number, **one} for number, one in enumerate(found)]
    return {"object": "list", "model": inputs.model, "task": answerer.task, "data": rows}

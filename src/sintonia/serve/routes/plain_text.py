"""What no answer or file of ours could hold: halves of letters, numbers that are none. JSON can carry both."""

from __future__ import annotations

import json
from typing import Any

from sintonia.serve.refusals import Refused


def refuse_unwritable(value: Any, about: str) -> None:
    """Refuses a value of a request that cannot be written as UTF-8 JSON.

    Raises:
        Refused: it holds half a letter (a lone surrogate), NaN or Infinity, or is nested too deeply.
    """
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError, TypeError):
        what = f"`{about}` holds what no text can: half a letter, a number that is none, or too many levels"
        raise Refused(400, what, code="invalid_value", about=about) from None

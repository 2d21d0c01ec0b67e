"""`/v1/embeddings`: texts as vectors of unit length, as numbers or as little-endian float32 in base64.

Tokens as input are refused: they would be those of another vocabulary.
"""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from sintonia.serve.refusals import Refused
from sintonia.serve.routes.access import behind_token, state_of

router = APIRouter(prefix="/v1/embeddings")
Text = Annotated[str, Field(min_length=1, max_length=1_000_000)]
MOST_TEXTS = 2048


class Texts(BaseModel, extra="forbid"):
    """The body of `POST /v1/embeddings`."""

    model: Annotated[str, Field(min_length=1, max_length=512)]
    input: Text | Annotated[list[Text], Field(min_length=1, max_length=MOST_TEXTS)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1, le=100_000)] | None = None
    user: str | None = None


@router.post("")
@behind_token
async def create_embeddings(request: Request, texts: Texts) -> dict[str, Any]:
    """Embeds texts; `dimensions` takes so many of the first numbers, at unit length again."""
    state = state_of(request)
    embedder = await state.answering.embedder(state.offers.find(texts.model))
    if texts.dimensions is not None and texts.dimensions > embedder.dimensions:
        what = f"The model has {embedder.dimensions} dimensions, not {texts.dimensions}"
        raise Refused(400, what, code="invalid_value", about="dimensions")
    asked = [texts.input] if isinstance(texts.input, str) else texts.input
    found = np.asarray(await state.answering.ask(embedder, asked), dtype=np.float32)
    if texts.dimensions is not None:
        found = found[:, : texts.dimensions]
        found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    is_packed = texts.encoding_format == "base64"
    rows = [
        {"object": "embedding", "index": number, "embedding": _packed(row) if is_packed else row.tolist()}
        for number, row in enumerate(found)
    ]
    num_tokens = await state.answering.compute(lambda: embedder.count_tokens(asked))
    usage = {"prompt_tokens": num_tokens, "total_tokens": num_tokens}
    return {"object": "list", "data": rows, "model": texts.model, "usage": usage}


def _packed(row: np.ndarray) -> str:
    return base64.b64encode(row.astype("<f4").tobytes()).decode("ascii")

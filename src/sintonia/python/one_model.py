"""A finished model, to be asked from Python. It is opened when it is asked for the first time, and judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sintonia.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from sintonia.use import Shelf


class Model:
    """The model of a run, of a folder, or a base; several on one base share its weights."""

    def __init__(self, place: Path | str) -> None:
        """`place` is the folder of a run or of a model, or the reference of a base."""
        self.place = place

    def __repr__(self) -> str:
        """Its place, as it was given."""
        return f"Model({str(self.place)!r})"

    @property
    def task(self) -> str:
        """What it learned, without opening it; empty of a base.

        Raises:
            UsageError: the run has no model yet.
        """
        from sintonia.use import task_of

        return task_of(self.place)

    def predict(self, inputs: Iterable[Any]) -> list[dict[str, Any]]:
        """What it says of each input (a text, a pair of them, or a text with its tokens), in their order.

        `prediction`, always a text; of a classifier `confidence`, `probabilities` and `is_out_of_scope`; of a tagger
        `spans`.

        Raises:
            UsageError: it gives no labels, numbers or spans; or the inputs are not what it reads.
        """
        from sintonia.use import answered

        answerer = self._opened("answer", "predict", "`chat` or `embed`")
        return list(answered(_several(inputs), answerer.answer))

    def embed(self, texts: Iterable[str]) -> np.ndarray:
        """Embeddings of unit length, float32 (texts, dimensions).

        Raises:
            UsageError: it is no embedding model.
        """
        found: np.ndarray = self._opened("embed", "embed", "`predict` or `chat`").embed(list(_several(texts)))
        return found

    def chat(self, messages: str | Sequence[Mapping[str, Any]], **decoding: Any) -> str:
        """The answer of a language model to a conversation, or to one message; `decoding` as `temperature=0.7`.

        Raises:
            UsageError: it is no language model, or the conversation cannot be read or leaves no room for an answer.
        """
        return "".join(self.stream(messages, **decoding))

    def stream(self, messages: str | Sequence[Mapping[str, Any]], **decoding: Any) -> Iterator[str]:
        """As `chat`, piece by piece while it is written.

        Raises:
            UsageError: as `chat`.
        """
        from sintonia.use import Decoding

        speaker = self._opened("write", "chat", "`predict` or `embed`")
        asked = [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)
        try:
            wanted = Decoding(**decoding)
        except TypeError as error:
            expected = f"some of {', '.join(Decoding.__dataclass_fields__)}"
            raise UsageError(str(error).replace("Decoding.__init__() ", ""), expected=expected) from None
        return (piece.text for piece in speaker.write(asked, wanted))

    def _opened(self, needed: str, asked: str, instead: str) -> Any:
        opened = _shelf().open(self.place)
        if not hasattr(opened, needed):
            raise UsageError(f"`{self.place}` is no model for `{asked}`", hint=f"ask it with {instead}")
        return opened


@cache
def _shelf() -> Shelf:
    """All models that were opened in this process."""
    from sintonia.use import Shelf

    return Shelf()


def _several(inputs: Iterable[Any]) -> Iterable[Any]:
    if isinstance(inputs, str):
        raise UsageError("one text instead of several", expected="a list of texts", hint="put the text in brackets")
    return inputs

"""Tokens as they come become text: never half a character, nothing of what an answer has to end before.

The pieces together are what the tokenizer makes of all tokens at once. No model lives here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

UNFINISHED = "�"
"""What a tokenizer writes for bytes that are no character, or not yet."""
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class Spelling:
    """The text of one answer, as its tokens come."""

    def __init__(self, tokenizer: Any, stops: Sequence[str] = ()) -> None:
        self._tokenizer, self._stops = tokenizer, tuple(one for one in stops if one)
        self._ids: list[int] = []
        self._begins: list[int] = []
        """Where the text of each token begins, in characters."""
        self._text = ""
        self._given = 0
        """Characters that were given away."""
        self.is_stopped = False
        """Whether a text came that the answer has to end before."""

    @property
    def text(self) -> str:
        """All that was written so far."""
        return self._text

    def add(self, token: int) -> str:
        """What can be said now: empty while a character, or what may become the end, is not whole."""
        self._ids.append(token)
        self._begins.append(len(self._text.rstrip(UNFINISHED)))
        self._text = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        places = [place for one in self._stops if (place := self._text.find(one, self._given)) >= 0]
        if places:
            self._text, self.is_stopped = self._text[: min(places)], True
            return self.rest()
        return self._until(self._num_certain())

    def rest(self) -> str:
        """What was held back, at the end."""
        return self._until(len(self._text))

    def num_within(self) -> int:
        """Tokens of which something is in the text: not those that a text to end before was made of."""
        return sum(begin < len(self._text) for begin in self._begins) if self.is_stopped else len(self._ids)

    def _until(self, end: int) -> str:
        new = self._text[self._given : end]
        self._given = max(end, self._given)
        return new

    def _num_certain(self) -> int:
        """Characters that no token to come can change or take back."""
        certain = len(self._text.rstrip(UNFINISHED))
        for stop in self._stops:
            longest = min(len(stop) - 1, certain)
            held = next((k for k in range(longest, 0, -1) if stop.startswith(self._text[certain - k : certain])), 0)
            certain -= held
        return max(certain, self._given)


class Vocabulary:
    """What each token says by itself, as text and as bytes."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._is_of_bytes = "ByteLevel" in repr(tokenizer.backend_tokenizer.decoder)

    def spelled(self, token: int) -> tuple[str, bytes]:
        """The text of one token, with � for a part of a character, and its bytes."""
        piece = self._tokenizer.convert_ids_to_tokens(token)
        if piece is None:  # the model has more places than the tokenizer has tokens
            return "", b""
        letters, byte = _bytes_of_letters(), _BYTE.fullmatch(piece)
        if token in self._tokenizer.added_tokens_decoder:
            found = piece.encode()
        elif self._is_of_bytes and all(one in letters for one in piece):
            found = bytes(letters[one] for one in piece)
        elif byte:
            found = bytes([int(byte[1], 16)])
        else:
            found = piece.replace("▁", " ").encode()
        return found.decode("utf-8", errors="replace"), found


@cache
def _bytes_of_letters() -> dict[str, int]:
    """The byte that each letter of a vocabulary of bytes stands for (GPT-2's: those that print are themselves)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + k): byte for k, byte in enumerate(others)}

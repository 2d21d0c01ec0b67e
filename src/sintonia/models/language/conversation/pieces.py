"""From a text and its learned parts to tokens: once as a whole, and apart only where inference would do so.

When a model answers, it has the tokens of the prompt alone. Where the tokens of prompt and answer together would
begin otherwise, because one of them reaches over the border, the two are tokenised apart. No template lives here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from sintonia.models.language.conversation.answers import Layout
from sintonia.models.language.rows import TokenRow

_TOGETHER = 1_000
_MOST_KNOWN = 2_000
NOTHING = TokenRow(ids=(0,), learned=(False,), num_bytes=0)
"""The row of an example that cannot be written: nothing in it is learned."""

Encoded = tuple[list[int], list[tuple[int, int]]]
"""Ids, and for each the characters it stands for."""


class _Borders:
    """Where the answers of a text begin, in tokens and in characters, and where it was last tokenised apart."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.characters: list[int] = []
        self.split = (0, 0)

    def add(self, token: int, character: int) -> None:
        self.tokens.append(token)
        self.characters.append(character)


class Pieces:
    """A tokenizer that is asked for whole texts, many at a time, and adds nothing to them."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer, self._backend = tokenizer, tokenizer.backend_tokenizer
        added = tokenizer.added_tokens_decoder
        self._added = frozenset(added)
        self._special = frozenset(tokenizer.all_special_ids) | {one for one, token in added.items() if token.special}
        self._known: dict[str, Encoded] = {}

    def rows(self, layouts: Sequence[Layout], max_tokens: int, *, is_all: bool = False) -> list[TokenRow]:
        """The tokens of each text; with `is_all` every token but the first is learned."""
        self._open()
        found: list[TokenRow] = []
        for first in range(0, len(layouts), _TOGETHER):
            some = layouts[first : first + _TOGETHER]
            encoded = self._backend.encode_batch([one.text for one in some], add_special_tokens=False)
            for layout, one in zip(some, encoded, strict=True):
                whole = (list(one.ids), list(one.offsets))
                found.append(self._all(layout, whole, max_tokens) if is_all else self._row(layout, whole, max_tokens))
        return found

    def text_row(self, text: str, max_tokens: int, *, goes_on: bool = False) -> TokenRow:
        """A text that is learned whole, with what the tokenizer puts around texts, and the end of text after it.

        One that `goes_on` has no end, whatever the tokenizer would put there.
        """
        self._open()
        one = self._backend.encode(text.encode("utf-8", "replace").decode())
        ids, places = list(one.ids), list(one.offsets)
        is_said = [not mask for mask in one.special_tokens_mask]
        end = self._tokenizer.eos_token_id
        if not any(is_said):
            return NOTHING
        if goes_on:
            last = max(k for k, one in enumerate(is_said) if one) + 1
            ids, places, is_said = ids[:last], places[:last], is_said[:last]
        elif end is not None and ids[-1] != end:
            ids, places, is_said = [*ids, end], [*places, (len(text), len(text))], [*is_said, False]
        kept = [places[k] for k in range(min(len(ids), max_tokens)) if is_said[k]]
        begins = kept[0][1] if kept and is_said[0] else 0  # the first token is read and not learned
        num_bytes = len(_bytes(text[begins : kept[-1][1]])) if kept else 0
        return _cut(ids, [False] + [True] * (len(ids) - 1), max_tokens, num_bytes)

    def controls_in(self, texts: Sequence[str]) -> frozenset[str]:
        """The control tokens of the base that these texts hold, and that are read as such wherever they stand."""
        known = self._tokenizer.added_tokens_decoder
        names = {token: str(known[token]) for token in self._special if token in known}
        found: set[str] = set()
        for text in texts:
            likely = {token for token, name in names.items() if name not in found and name in text}
            if likely:
                ids = set(self._backend.encode(text, add_special_tokens=False).ids)
                found |= {names[token] for token in likely & ids}
        return frozenset(found)

    def _open(self) -> None:
        self._backend.no_padding()
        self._backend.no_truncation()

    def _row(self, layout: Layout, encoded: Encoded, max_tokens: int) -> TokenRow:
        if not encoded[0]:
            return NOTHING
        borders = _Borders()
        for span in layout.spans:
            encoded = self._as_answered(layout.text, encoded, span.begins, borders)
        ids, places = encoded
        starts = [start for start, _ in places]
        learned, num_bytes = [False] * len(ids), 0
        cut = starts[max_tokens] if max_tokens < len(ids) else len(layout.text)
        for span, begins in zip(layout.spans, borders.tokens, strict=True):
            ends = bisect_left(starts, span.ends, lo=begins)
            learned[begins:ends] = [True] * (ends - begins)
            num_bytes += len(_bytes(layout.text[span.begins : min(span.says, cut)]))
        learned[0] = False
        return _cut(ids, learned, max_tokens, num_bytes)

    def _all(self, layout: Layout, encoded: Encoded, max_tokens: int) -> TokenRow:
        ids, places = encoded
        if not ids:
            return NOTHING
        said = [places[k] for k in range(1, min(len(ids), max_tokens)) if ids[k] not in self._special]
        num_bytes, reached = 0, 0
        for begins, ends in said:  # several tokens may stand for one character
            num_bytes += len(_bytes(layout.text[max(begins, reached) : ends]))
            reached = max(reached, ends)
        return _cut(ids, [False] + [True] * (len(ids) - 1), max_tokens, num_bytes)

    def _as_answered(self, text: str, encoded: Encoded, border: int, borders: _Borders) -> Encoded:
        """The tokens as a model would have them that is asked up to the border.

        Tokens before the last added token are the same whatever follows: what is compared begins with it, or where
        the text was tokenised apart before. Of answers that were found already nothing changes.
        """
        ids, places = encoded
        here = bisect_left(places, (border, border))
        last = next((k for k in range(here - 1, borders.split[0] - 1, -1) if ids[k] in self._added), None)
        first, begins = borders.split if last is None else (last, places[last][0])
        asked, asked_places = self._encode_from(text, begins, border, goes_on=last is None)
        if ids[first : first + len(asked)] == asked:
            borders.add(first + len(asked), border)
            return encoded
        if borders.tokens and borders.tokens[-1] > first:
            first, begins = borders.tokens[-1], borders.characters[-1]
            asked, asked_places = self._encode_from(text, begins, border, goes_on=True)
        answer, answer_places = self._encode_from(text, border, len(text), goes_on=True)
        borders.add(first + len(asked), border)
        borders.split = first + len(asked), border
        return [*ids[:first], *asked, *answer], [*places[:first], *asked_places, *answer_places]

    def _encode_from(self, text: str, begins: int, ends: int, *, goes_on: bool) -> Encoded:
        """A part of a text; one that goes on is encoded as what follows something."""
        encode = self._encode_after if goes_on and begins else self._encode
        ids, places = encode(text[begins:ends])
        return ids, [(start + begins, end + begins) for start, end in places]

    def _encode(self, text: str) -> Encoded:
        if text not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            one = self._backend.encode(text, add_special_tokens=False)
            self._known[text] = (list(one.ids), list(one.offsets))
        return self._known[text]

    def _encode_after(self, text: str) -> Encoded:
        """A text that goes on: after a line break, so that no tokenizer puts before it what begins a text."""
        line = self._encode("\n")[0]
        one = self._backend.encode("\n" + text, add_special_tokens=False)
        if one.ids[: len(line)] != line:
            one = self._backend.encode(text, add_special_tokens=False)
            return list(one.ids), list(one.offsets)
        return list(one.ids[len(line) :]), [(max(a - 1, 0), b - 1) for a, b in one.offsets[len(line) :]]


def _cut(ids: Sequence[int], learned: Sequence[bool], max_tokens: int, num_bytes: int) -> TokenRow:
    lost = learned[max_tokens:]
    return TokenRow(
        ids=tuple(ids[:max_tokens]),
        learned=tuple(learned[:max_tokens]),
        num_bytes=num_bytes,
        num_cut_prompt=len(lost) - sum(lost),
        num_cut_answer=sum(lost),
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")

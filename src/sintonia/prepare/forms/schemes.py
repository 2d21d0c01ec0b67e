"""Schemes of tags: IOB1, IOB2, BIOES (BILOU too), IO, one tag a token; told apart over a table, turned into spans,
and written again.

Pure functions of tags. A sequence that its scheme does not allow is said with Unusable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sintonia.prepare.forms.form import Unusable

SCHEMES = ("IOB1", "IOB2", "BIOES", "IO", "one a token")
_PREFIXED = re.compile(r"([BIESLUM])-(.+)", re.DOTALL)
_MEANS = {"L": "E", "U": "S", "M": "I"}
"""BILOU's and BMES's letters in BIOES."""
Run = tuple[int, int, str]
"""First token, last token, label."""


def scheme_of(sequences: Iterable[Sequence[str]]) -> str | None:
    """The scheme that most of the tags follow; None when there is no tag."""
    prefixed = plain = outside = ends = loose_starts = strict_starts = 0
    for tags in sequences:
        before = ("O", "")
        for tag in tags:
            letter, label = _split(tag)
            outside += tag == "O"
            plain += letter == ""
            prefixed += letter not in ("", "O")
            ends += letter in ("E", "S")
            loose_starts += letter == "I" and before[1] != label
            strict_starts += letter == "B" and before[1] != label
            before = (letter, label)
    if not prefixed and not plain:
        return None
    if plain > prefixed:
        return "IO" if outside else "one a token"
    if ends:
        return "BIOES"
    return "IOB1" if loose_starts > strict_starts else "IOB2"


def _split(tag: str) -> tuple[str, str]:
    """Letter and label of a tag: (`O`, ``) outside, (``, tag) without a prefix."""
    if tag == "O":
        return "O", ""
    match = _PREFIXED.fullmatch(tag)
    return (_MEANS.get(match[1], match[1]), match[2]) if match else ("", tag)


def runs(tags: Sequence[str], scheme: str) -> list[Run]:
    """The labelled runs of tokens of one sequence.

    >>> runs(["B-PER", "I-PER", "O", "B-LOC"], "IOB2")
    [(0, 1, 'PER'), (3, 3, 'LOC')]

    Raises:
        Unusable: the sequence breaks the scheme.
    """
    if scheme == "one a token":
        return [(number, number, tag) for number, tag in enumerate(tags)]
    if scheme == "IO":
        return _grown([("I", tag) if tag != "O" else ("O", "") for tag in tags])
    parts = [_split(tag) for tag in tags]
    before = ("O", "")
    for number, part in enumerate((*parts, ("O", "")), start=1):
        if part[0] == "":
            raise Unusable(f"tag {number} is not a tag of {scheme}")
        if not _ALLOWED[scheme](before, part):
            raise Unusable(f"tag {number} cannot follow the one before it in {scheme}")
        before = part
    return _grown(parts)


def _grown(parts: list[tuple[str, str]]) -> list[Run]:
    found: list[Run] = []
    is_open = False
    for number, (letter, label) in enumerate(parts):
        if letter == "O":
            is_open = False
            continue
        if is_open and letter in ("I", "E") and found[-1][2] == label:
            found[-1] = (found[-1][0], number, label)
        else:
            found.append((number, number, label))
        is_open = letter in ("B", "I")
    return found


def tags_of(num_tokens: int, found: Sequence[Run], scheme: str) -> list[str]:
    """The tags of one sequence that has these runs, in order and apart: what `runs` reads them from.

    What the scheme cannot say is lost: two runs of one label side by side are one in IO.

    >>> tags_of(4, [(0, 1, "PER"), (3, 3, "LOC")], "BIOES")
    ['B-PER', 'E-PER', 'O', 'S-LOC']
    """
    tags, before = ["O"] * num_tokens, (-1, "")
    for first, last, label in found:
        for token in range(first, last + 1):
            letter = _letter(scheme, (token == first, token == last), is_next=before == (first - 1, label))
            tags[token] = f"{letter}-{label}" if letter else label
        before = (last, label)
    return tags


def _letter(scheme: str, ends: tuple[bool, bool], *, is_next: bool) -> str:
    """Of a token that is first or last of its run; `is_next` where the one before it ends a run of the same label."""
    if scheme in ("IO", "one a token"):
        return ""
    if scheme == "BIOES":
        return {(True, True): "S", (True, False): "B", (False, True): "E", (False, False): "I"}[ends]
    return "B" if ends[0] and (scheme == "IOB2" or is_next) else "I"


def _iob1(before: tuple[str, str], now: tuple[str, str]) -> bool:
    return now[0] in ("O", "I") or (now[0] == "B" and before[1] == now[1])


def _iob2(before: tuple[str, str], now: tuple[str, str]) -> bool:
    return now[0] in ("O", "B") or (now[0] == "I" and before[1] == now[1])


def _bioes(before: tuple[str, str], now: tuple[str, str]) -> bool:
    if before[0] in ("B", "I"):
        return now[0] in ("I", "E") and before[1] == now[1]
    return now[0] in ("O", "B", "S")


_ALLOWED = {"IOB1": _iob1, "IOB2": _iob2, "BIOES": _bioes}

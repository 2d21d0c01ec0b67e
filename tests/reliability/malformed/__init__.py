"""400 malformed files: 20 kinds of 20, made from a seed. They are made when they are needed; none is in git."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from tests.reliability.malformed import containers, encodings, lines, meaning
from tests.reliability.malformed.case import READ, REFUSED, SECRET, SET_ASIDE, Case

KINDS = (
    encodings.encodings,
    encodings.nuls,
    encodings.archives,
    encodings.posing,
    lines.surrogates,
    lines.deep,
    lines.keys,
    lines.literals,
    lines.digits,
    lines.not_objects,
    lines.broken,
    lines.quotes,
    lines.widths,
    lines.no_rows,
    containers.parquets,
    containers.workbooks,
    containers.not_files,
    meaning.missing,
    meaning.mixed,
    meaning.chats,
)

__all__ = ["KINDS", "READ", "REFUSED", "SECRET", "SET_ASIDE", "Case", "cases_of", "malformed_files"]


def cases_of(generate: Callable[[Random], Iterator[Case]], seed: int = 20) -> list[Case]:
    """The 20 cases of one of KINDS, the same ones for the same seed."""
    return list(generate(Random(1000 * seed + KINDS.index(generate))))


def malformed_files(seed: int = 20) -> list[Case]:
    """All 400 of them."""
    return [case for generate in KINDS for case in cases_of(generate, seed)]

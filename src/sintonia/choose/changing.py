"""Answers that state what changes: dates, prices, versions. Such facts are better looked up than learned.

Only what can be seen in the texts is detected: a fact of a kind that the prompt shows none of must come from knowledge.
Names, places and who holds which office change too and are not seen. It hints, and stops nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|gen|mag|giu|lug|ago|set|ott|dic)[a-z]{0,7}\.?"  # it, en
_KINDS: dict[str, re.Pattern[str]] = {
    "dates": re.compile(
        rf"\b(?:19|20)\d\d-\d\d?-\d\d?\b|\b\d\d?[/.]\d\d?[/.](?:19|20)\d\d\b"
        rf"|\b\d\d?\s+{_MONTH}\s+(?:19|20)\d\d\b|\b{_MONTH}\s+\d\d?,?\s+(?:19|20)\d\d\b",
        re.IGNORECASE,
    ),
    "prices": re.compile(
        r"[$€£¥]\s?\d[\d.,]*|\b\d[\d.,]*\s?(?:€|£|EUR\b|USD\b|GBP\b|euros?\b|dollars?\b)", re.IGNORECASE
    ),
    "versions": re.compile(r"\bv\d+(?:\.\d+)+\b|\bversione?\s+\d+(?:\.\d+)*\b|\b\d+\.\d+\.\d+\b", re.IGNORECASE),
}
LEAST_FRACTION, LEAST_DIFFERENT = 0.1, 10
"""Share of the answers that state such facts, and how many different ones, from which on it is said."""


def changing_facts(pairs: Iterable[tuple[str, str]]) -> str:
    """A hint in words when many answers state facts that change; empty else. `pairs` are prompts with their answers.

    >>> changing_facts([("What does it cost?", f"It costs {price} euros.") for price in range(20)])[:58]
    'about 100% of the answers state prices that their prompts '
    """
    found: dict[str, list[set[str]]] = {kind: [] for kind in _KINDS}
    total = 0
    for prompt, answer in pairs:
        total += 1
        for kind, pattern in _KINDS.items():
            stated = {match.strip().lower() for match in pattern.findall(answer)}
            if stated and not pattern.search(prompt):
                found[kind].append(stated)
    told = {
        kind: len(stated) / total
        for kind, stated in found.items()
        if len(stated) >= LEAST_FRACTION * total and len(set().union(*stated)) >= LEAST_DIFFERENT
    }
    if not told:
        return ""
    return (
        f"about {max(told.values()):.0%} of the answers state {' and '.join(told)} that their prompts do not show: "
        "what changes is better looked up at the time (retrieval) than learned once"
    )

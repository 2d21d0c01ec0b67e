"""D116: the sets differ.

What: a classifier two-sample test (Lopez-Paz & Oquab 2017; science.md 3.4): can a simple model tell the training
texts from those of the validation set, or of the test? At most 1,000 texts of each, one of a group, so that copies
do not count as many. Area under the curve (AUC) below .55 nothing, to .65 mild, above strong; only with p < .01.
Why it matters: the sets come from different times or places then. What helps on one need not help on the other,
and the score on the test is about texts unlike those that were learned from.
What to do: look at the words that tell them apart: often they are traces of how the files were made (user names,
dates, signs), to be removed from all. A split by time differs honestly: then the test is the better measure.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sintonia.prepare.audit import Audit
from sintonia.records import Finding, Severity, Split
from sintonia.statistics.two_sample import ToldApart, compare_texts

CODE = "D116"
MILD_AUC = 0.55
STRONG_AUC = 0.65
LEVEL = 0.01
MOST_TEXTS = 1_000
MIN_TEXTS = 50
_SETS: tuple[tuple[Split, str], ...] = (("validation", "validation"), ("test", "test"))


def check(audit: Audit) -> Finding | None:
    """One finding for the set that differs most from the training set."""
    if audit.num_parts > 1:
        return None
    train = one_of_each_group(audit, audit.in_set("train"))
    found: list[tuple[ToldApart, str]] = []
    for split, name in _SETS:
        other = one_of_each_group(audit, audit.in_set(split))
        num_each = min(len(train), len(other), MOST_TEXTS)
        if num_each < MIN_TEXTS:
            continue
        texts = [[audit.rows.text_at(int(row)) for row in drawn(rows, num_each)] for rows in (train, other)]
        result = compare_texts(texts[0], texts[1])
        if counts(result):
            found.append((result, name))
    if not found:
        return None
    result, name = max(found, key=lambda one: one[0].auc)
    also = " (and so can validation texts)" if len(found) > 1 and name == "test" else ""
    return Finding(
        code=CODE,
        severity=severity_of(result),
        count=result.num_each,
        message=(
            f"the training texts differ {in_words(result)} from those of the {name} set{also}: "
            f"{evidence(audit, result, 'training', name)}"
        ),
        hint="look at the words: are they traces of how the files were made? A split by time differs honestly",
    )


def counts(result: ToldApart) -> bool:
    """Whether a difference is large enough, and surer than chance allows."""
    return result.auc >= MILD_AUC and result.p_value < LEVEL


def in_words(result: ToldApart) -> str:
    """The size of a difference that counts."""
    return "strongly" if result.auc > STRONG_AUC else "mildly"


def severity_of(result: ToldApart) -> Severity:
    """A strong difference is a warning."""
    return "warning" if result.auc > STRONG_AUC else "note"


def evidence(audit: Audit, result: ToldApart, first: str, second: str) -> str:
    """The numbers and the words, for a message."""
    told = f"; words that tell them apart: {audit.words(result.words)}" if result.words else ""
    p_value = "p < .0001" if result.p_value < 1e-4 else f"p = {result.p_value:.4f}"
    texts = f"{result.num_each:,} {first} and {second} texts"
    return f"a simple model tells {texts} apart (AUC {result.auc:.2f}, {p_value}){told}"


def one_of_each_group(audit: Audit, positions: np.ndarray) -> np.ndarray:
    """The first row of each group among these, in order: rows that are independent of one another."""
    _, first = np.unique(audit.groups[positions], return_index=True)
    return np.asarray(positions[np.sort(first)])


def drawn(rows: np.ndarray | Sequence[int], count: int) -> np.ndarray:
    """An even draw, always the same."""
    return np.sort(np.random.default_rng(0).choice(np.asarray(rows), count, replace=False))

"""D130: a set with one answer only.

What: all examples of the validation set, or of the test, have the same target: one class, one number, no span at all.
Why it matters: whoever always gives that answer is perfect there; nothing can be chosen and nothing judged by it.
What to do: add rows with other targets, or another validation or test file.
"""

from __future__ import annotations

import numpy as np

from sintonia.prepare.audit import Audit, named
from sintonia.records import Finding, Split
from sintonia.tasks import LANGUAGE_TASKS

CODE = "D130"
_HELD_OUT: tuple[Split, ...] = ("validation", "test")
"""Tasks whose answers are texts, where one answer to all is another finding (D123), or that have none."""


def check(audit: Audit) -> Finding | None:
    """One finding for the sets that cannot tell anything apart."""
    if audit.rows.classes:
        alone = {split: counts for split in _HELD_OUT if len(counts := audit.counts(split)) == 1}
        only = f"one class only: {named({label for counts in alone.values() for label in counts})}"
        return _finding(tuple(alone), only, "classes")
    if audit.task in LANGUAGE_TASKS:
        return None
    same = tuple(split for split in _HELD_OUT if _is_same(audit.rows.answer_keys[audit.in_set(split)]))
    return _finding(same, "one target only, the same in every row", "targets")


def _is_same(keys: np.ndarray) -> bool:
    return len(keys) > 1 and len(np.unique(keys)) == 1


def _finding(splits: tuple[Split, ...], only: str, what: str) -> Finding | None:
    if not splits:
        return None
    sets = " and ".join("test" if split == "test" else "validation set" for split in splits)
    return Finding(
        code=CODE,
        severity="stop",
        count=len(splits),
        message=f"the {sets} holds {only}",
        hint=f"add rows of the other {what} that belong to other groups, or take another file for that set",
    )

"""D123: answers that answer nothing: copies of the prompt, copies of each other, or placeholders.

What: answers that are the prompt, that begin with the whole prompt, or are at least half of it and stand in it word
for word; answers such as `null`, `N/A` or `...`; and one and the same answer in over 5 % of the rows where the
other answers differ. Tasks chat and prefer only.
Why it matters: the model learns to repeat the question, or to give one answer to everything.
What to do: look at the listed rows; fill in the answers or remove the rows. A task of copying (corrections, quotes)
may have such rows by right.
"""

from __future__ import annotations

import numpy as np

from sintonia.prepare.audit import Audit, Seen, percent, rows_in_words
from sintonia.prepare.rows import Labelled
from sintonia.records import Finding

CODE = "D123"
TASKS: frozenset[str] | None = frozenset({"chat", "prefer"})
_LEAST_COPIED = 20
_SAME = 0.05
_DIFFERENT = 0.3
"""Least share of different answers among the other rows; with fewer the answers are classes."""
_MANY = 0.05
_LEAST_ROWS = 20
_PLACEHOLDERS = frozenset({"null", "nan", "n/a", "undefined", "todo", "tbd", "(empty)", "<empty>", "[empty]"})


def suspect(row: Labelled) -> bool:
    """Whether the answer copies the prompt or is a placeholder."""
    if not row.answer:
        return False  # a plain text has no answer
    prompt, answer = row.text.strip().lower(), row.answer.strip().lower()
    if len(answer) < _LEAST_COPIED:
        return answer in _PLACEHOLDERS or answer == prompt or not _says_anything(answer)
    if len(prompt) >= _LEAST_COPIED and answer.startswith(prompt):
        return True
    return 2 * len(answer) >= len(prompt) and answer in prompt


def finding(audit: Audit, seen: Seen) -> Finding | None:
    """One finding for both: what single rows show, and what all of them show together."""
    same = _same_answer(audit)
    parts = []
    if seen.count:
        share = percent(seen.count, seen.looked_at)
        parts.append(f"{rows_in_words(seen.count)} of {seen.looked_at:,} ({share}) answer with the prompt or nothing")
    if len(same):
        share = percent(len(same), len(audit.rows))
        parts.append(f"{rows_in_words(len(same))} ({share}) have one and the same answer")
    if not parts:
        return None
    is_many = seen.count > _MANY * seen.looked_at or len(same) > 0
    return Finding(
        code=CODE,
        severity="warning" if is_many else "note",
        count=seen.count + len(same),
        message="; ".join(parts),
        hint="look at the listed rows: fill in the answers, or remove the rows, unless copying is the task",
        places=audit.places(seen.positions or same),
    )


def _same_answer(audit: Audit) -> np.ndarray:
    """Positions of the commonest answer, where it is too common and the answers are no classes."""
    keys, counts = np.unique(audit.rows.answer_keys, return_counts=True)
    if len(audit.rows) < _LEAST_ROWS or counts.max() <= _SAME * len(audit.rows):
        return np.array([], dtype=np.int64)
    num_others = len(audit.rows) - int(counts.max())
    if len(keys) - 1 < _DIFFERENT * max(num_others, 1):
        return np.array([], dtype=np.int64)
    return np.flatnonzero(audit.rows.answer_keys == keys[counts.argmax()])


def _says_anything(answer: str) -> bool:
    """A letter, a digit, or a sign beyond ASCII: an emoji may be the answer, and so may `+`."""
    return any(character.isalnum() or character in "+<>=$%" or character > "\u00bf" for character in answer)

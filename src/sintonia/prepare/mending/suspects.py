"""The rows that a person should look at: targets that look wrong, and targets that contradict each other.

Rows of the test are never among them: what a model thinks of a test label, and who reads it, must not touch it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from sintonia.normalise import normalised
from sintonia.records import Example, Suspect

SUSPECTS_FILE = "data/suspects.jsonl"


def with_conflicts(examples: Sequence[Example], suspects: Sequence[Suspect]) -> list[Suspect]:
    """First the rows with the same input and different targets, then the other suspects, each row once."""
    conflicts = _conflicting(examples)
    known = {one.row for one in conflicts}
    return [*conflicts, *(one for one in suspects if one.row not in known)]


def _conflicting(examples: Sequence[Example]) -> list[Suspect]:
    """One suspect for each row whose input occurs with another target; suggested is the commonest of the others."""
    by_input: dict[str, list[Example]] = defaultdict(list)
    for one in examples:
        by_input[normalised(one.input)].append(one)
    return [
        Suspect(
            row=one.id,
            place=one.place,
            input=one.input,
            target=one.target,
            suggested=Counter(other.target for other in same if other.target != one.target).most_common(1)[0][0],
            confidence=0.0,
        )
        for same in by_input.values()
        for one in same
        if len({other.target for other in same}) > 1
    ]

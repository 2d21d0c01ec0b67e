"""D109: targets that differ only in spelling.

What: targets that are the same when case, punctuation and spaces are left out, such as `Spam` and `spam`.
Why it matters: they are learned and scored as different classes, so right answers count as wrong.
What to do: write each class in one way; `sintonia check --fix` does it for those that differ in case or spaces alone.
"""

from __future__ import annotations

from collections import defaultdict

from sintonia.normalise import normalised
from sintonia.prepare.audit import Audit, named
from sintonia.records import Finding

CODE = "D109"


def check(audit: Audit) -> Finding | None:
    """One finding that names the classes written in several ways."""
    counts = audit.counts()
    spellings: dict[str, list[str]] = defaultdict(list)
    for target in sorted(counts):
        spellings[normalised(target)].append(target)
    alike = [target for group in spellings.values() if len(group) > 1 for target in group]
    alike = [target for target in alike if any(character.isalpha() for character in target)]
    if not alike:
        return None
    return Finding(
        code=CODE,
        severity="warning",
        count=len(alike),
        message=f"{len(alike)} classes differ only in case, punctuation or spaces: {named(alike)}",
        hint="write each class in one way; `sintonia check FILE --fix OUT.jsonl` does it where case or spaces differ",
    )

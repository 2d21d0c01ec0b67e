"""S10: edits, deletions, moved lines and truncations of the audit log, 1,000 at random, all of them detected.

Truncations and changes of the last line are seen by the head beside the log; half of the time that head is made to
fit, as somebody would who knows it, and then a head that a run keeps has to tell.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from pathlib import Path

import pytest

from sintonia import audit
from sintonia.audit import log
from sintonia.files import write_json

Lines = list[bytes]
NUM_EVENTS = 40
EACH = 250


def _edit(lines: Lines, chance: random.Random) -> Lines:
    """One character of one line is another, or gone, or there is one more."""
    place = chance.randrange(len(lines))
    line = lines[place]
    at = chance.randrange(len(line))
    new = chance.choice(string.ascii_letters + string.digits).encode()
    changed = chance.choice([line[:at] + new + line[at + 1 :], line[:at] + line[at + 1 :], line[:at] + new + line[at:]])
    return [*lines[:place], changed, *lines[place + 1 :]]


def _delete(lines: Lines, chance: random.Random) -> Lines:
    place, length = chance.randrange(len(lines) - 1), chance.randint(1, 3)
    return lines[:place] + lines[place + length :]


def _reorder(lines: Lines, chance: random.Random) -> Lines:
    one, other = chance.sample(range(len(lines)), 2)
    moved = list(lines)
    moved[one], moved[other] = moved[other], moved[one]
    return moved


def _truncate(lines: Lines, chance: random.Random) -> Lines:
    """After a whole line, so that nothing of it looks unfinished."""
    return lines[: chance.randint(0, len(lines) - 1)]


@pytest.fixture
def head(private_home: Path) -> audit.Head:
    found = [audit.record("export", run=f"run-{number}", sha256=f"{number:064x}") for number in range(NUM_EVENTS)][-1]
    assert found is not None
    return found


@pytest.mark.parametrize("change", [_edit, _delete, _reorder, _truncate], ids=lambda one: one.__name__[1:])
def test_every_change_is_detected(head: audit.Head, change: Callable[[Lines, random.Random], Lines]) -> None:
    path, chance = audit.log_path(), random.Random(change.__name__)
    kept = path.with_name("head.json").read_bytes()
    original = path.read_bytes().splitlines()
    missed = []
    for number in range(EACH):
        lines = change(original, chance)
        if lines == original:
            lines = original[:-1]
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        path.with_name("head.json").write_bytes(kept)
        if number % 2 and lines:  # whoever did it knows of the head beside the log, but not of the run's
            write_json(path.with_name("head.json"), audit.Head(lines=len(lines) - 1, sha256=log.hash_of(lines[-1])))
        if audit.verify([("run", head)]).is_whole:
            missed.append(lines)
    assert missed == []
    path.write_bytes(b"".join(line + b"\n" for line in original))
    path.with_name("head.json").write_bytes(kept)
    assert audit.verify([("run", head)]).is_whole, "what was not changed is whole"


def test_a_truncation_with_its_head_is_seen_by_the_anchor_alone(head: audit.Head) -> None:
    path = audit.log_path()
    lines = path.read_bytes().splitlines()[:-5]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    write_json(path.with_name("head.json"), audit.Head(lines=len(lines) - 1, sha256=log.hash_of(lines[-1])))
    assert audit.verify().is_whole
    assert audit.verify([("run", head)]).breaks[0].line == len(lines) + 1

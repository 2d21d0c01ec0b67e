"""What all private trainings on the same rows spent together: a record beside the data and one at home.

Trainings compose: who sees two models knows more than who sees one. A line is written before the first step, with what
the training will spend at most, and one at its end; what never ended counts in full. Rows are known by hashes of their
texts, and of the groups they belong to, so that a renamed file resets nothing; the same file counts whatever was read
of it. Trainings without privacy are noted too: they promise nothing. Lines are sealed as the openings of a test are,
and the files of hashes by their names; no text is kept.

An erasure takes hashes out. What such a file held is not known any more, so its training counts from then on as one on
the same rows as every other: too much may be said to be spent, never too little.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.errors import StorageError
from sintonia.files import append_line, home_folder, locked, read_json, read_lines, storage_errors, sync_folder, utc_now
from sintonia.files import write_json as write_whole
from sintonia.normalise import normalised, short_hash
from sintonia.privacy.dp.accountant import History, epsilon_spent
from sintonia.records.privacy.spent import Composed, Spent
from sintonia.sealed import folders_of_data, writing_beside

LEDGER = "privacy.jsonl"
_SEAL = "privacy.seal.json"
_ROWS = "private-rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows that a training learns from, by the hashes of their texts, and of the groups they belong to."""

    hashes: tuple[str, ...]
    groups: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What stands for all of them."""
        parts = (self.hashes, self.groups) if self.groups else (self.hashes,)
        return hashlib.sha256("\0".join("\n".join(part) for part in parts).encode()).hexdigest()[:32]

    def share(self, other: Rows) -> bool:
        """Whether a row, or a group, is in both."""
        return not (set(self.hashes).isdisjoint(other.hashes) and set(self.groups).isdisjoint(other.groups))


def rows_of(texts: Iterable[str], groups: Iterable[str] = ()) -> Rows:
    """The rows with these texts, of these groups."""
    return Rows(
        hashes=tuple(sorted({short_hash(normalised(text)) for text in texts})),
        groups=tuple(sorted({short_hash("group", group) for group in groups})),
    )


def note_private(data: Path, rows: Rows, spent: Spent, *, is_end: bool, run: str) -> None:
    """Records that a private training begins, with what it may spend, or ended, with what it spent; each once.

    Raises:
        StorageError: the ledger was changed, or cannot be written.
    """
    steps = spent.steps if is_end else spent.planned_steps
    line = {
        "training": spent.training,
        "event": "ended" if is_end else "begun",
        "run": run,
        "rows": rows.name,
        "unit": spent.unit,
        "history": [[spent.noise, spent.rate, steps]],
        "epsilon": spent.epsilon if is_end else spent.planned_epsilon,
        "delta": spent.delta,
    }
    _note(data, line, rows)


def note_plain(data: Path, training: str, rows: Rows, run: str) -> None:
    """Records that a training without privacy begins on rows of a data file; once.

    Raises:
        StorageError: the ledger was changed, or cannot be written.
    """
    _note(data, {"training": training, "event": "plain", "run": run, "rows": rows.name}, rows)


def forget_rows(data: Path, keys: Set[str], *, is_tried: bool = False) -> list[Path]:
    """Takes the hashes of erased rows out of what trainings saw, and gives those files; all stay counted.

    Their groups go too: which of them had the rows is not known here. A file that was made smaller does not match its
    name any more, and shares rows with every training from then on. With `is_tried` nothing is changed.

    Raises:
        StorageError: a file cannot be read or written.
    """
    changed = []
    for path in (path for place in _places(data) for path in sorted(place.glob(f"{_ROWS}/*.json"))):
        hashes = (read_json(path) or {}).get("rows", [])
        if not keys.isdisjoint(hashes):
            changed.append(path)
            if not is_tried:
                write_whole(path, {"rows": [one for one in hashes if one not in keys]})
    return changed


def composed(data: Path, rows: Rows, spent: Spent) -> Composed:
    """What all private trainings that saw any of these rows may have told of one of them, at the delta of this one.

    A training on the same file counts, whichever of its columns were read and however.

    A promise to groups holds for each of their rows, and not the other way round.

    Raises:
        StorageError: a ledger was changed.
    """
    return _composed(data, rows, spent, _data_id(data))


def composed_by_now(data: Path, spent: Spent) -> Composed | None:
    """The same for a training that has ended, with those that came after it; None where no ledger knows it.

    Raises:
        StorageError: a ledger was changed.
    """
    lines = [line for place in _places(data) for line in _lines(place)]
    own = next((line for line in lines if line.get("training") == spent.training), None)
    if own is None:
        return None
    rows = _seen_rows(data, str(own["rows"]))
    return _composed(data, rows if rows.name == own["rows"] else None, spent, str(own.get("data")))


def _composed(data: Path, rows: Rows | None, spent: Spent, data_id: str) -> Composed:
    """With no rows they are not known any more: every training is taken as one on the same."""
    lines = [line for place in _places(data) for line in _lines(place)]
    names = {str(line["rows"]) for line in lines}
    sharing = {name for name in names if rows is None or _shares(data, name, rows)}
    seen = [line for line in lines if line["rows"] in sharing or line.get("data") == data_id]
    by_training = {str(line["training"]): line for line in seen if line.get("event") == "begun"}
    by_training |= {str(line["training"]): line for line in seen if line.get("event") == "ended"}
    shared = list(by_training.values())
    counted = [one for one in shared if one["unit"] == spent.unit or spent.unit == "row"]
    plain = {str(line["training"]) for line in seen if line.get("event") == "plain"}
    history: History = tuple(
        (float(sigma), float(rate), int(steps)) for one in counted for sigma, rate, steps in one["history"]
    )
    is_alone = history == ((spent.noise, spent.rate, spent.steps),)
    return Composed(
        epsilon=spent.epsilon if is_alone else epsilon_spent(history, spent.delta, spent.accountant),
        num_private=len(counted),
        num_other_unit=len(shared) - len(counted),
        num_plain=len(plain),
        date=utc_now()[:10],
    )


def _data_id(data: Path) -> str:
    return short_hash(str(data.resolve()))


def _shares(data: Path, name: str, rows: Rows) -> bool:
    """Whether a training with rows of this name saw one of these; where it is not known any more, it did."""
    if name == rows.name:
        return True
    held = _seen_rows(data, name)
    return held.name != name or held.share(rows)


def _seen_rows(data: Path, name: str) -> Rows:
    """The rows of this name; where none are whole any more, what is left of them."""
    held = Rows(hashes=())
    for place in _places(data):
        body = read_json(place / _ROWS / f"{name}.json") or {}
        held = Rows(hashes=tuple(map(str, body.get("rows") or ())), groups=tuple(map(str, body.get("groups") or ())))
        if held.name == name:
            break
    return held


def _note(data: Path, line: dict[str, Any], rows: Rows) -> None:
    line = {**line, "data": _data_id(data), "time": utc_now()}
    with writing_beside(data) as folder:
        for place in (folder, home_folder()):
            with locked(place / ".privacy.lock"):
                _append(place, line, rows)


def _append(place: Path, line: dict[str, Any], rows: Rows) -> None:
    """The rows, the line, then the seal: a kill between the last two leaves one that is not sealed yet, and counts."""
    lines = _lines(place)
    if all((one.get("training"), one.get("event")) != (line["training"], line["event"]) for one in lines):
        path = place / _ROWS / f"{rows.name}.json"
        if not path.exists():  # all trainings on these rows share it
            with storage_errors(path):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(path, {"rows": list(rows.hashes), **({"groups": list(rows.groups)} if rows.groups else {})})
        _seal(place, lines)
        lines.append({**line, "number": len(lines) + 1})
        append_line(place / LEDGER, lines[-1])
    _seal(place, lines)
    with storage_errors(place):
        sync_folder(place)


def _seal(place: Path, lines: list[dict[str, Any]]) -> None:
    write_whole(place / _SEAL, {"lines": len(lines), "sha256": _hash_of(lines)})


def _lines(place: Path) -> list[dict[str, Any]]:
    """The lines of a folder as they were written.

    Raises:
        StorageError: one was changed or taken out.
    """
    seal, lines = read_json(place / _SEAL), read_lines(place / LEDGER)
    if seal is None and lines:  # the first seal comes before the first line: look again
        seal, lines = read_json(place / _SEAL), read_lines(place / LEDGER)
    count = seal.get("lines") if seal else 0
    is_whole = isinstance(count, int) and 0 <= count <= len(lines)
    if (lines and seal is None) or not is_whole or (seal and _hash_of(lines[:count]) != seal.get("sha256")):
        raise StorageError(
            f"`{place / LEDGER}` is not as sintonia wrote it: lines about private trainings were changed or taken out",
            expected=f"the lines that `{place / _SEAL}` is the seal of",
            hint="restore both files from a copy: they say what was spent of the privacy of these rows",
        )
    return lines


def _hash_of(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _places(data: Path) -> tuple[Path, ...]:
    return *folders_of_data(data), home_folder()

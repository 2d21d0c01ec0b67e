"""What a server keeps of files that were sent to it, and of what its jobs gave, without some rows.

Its database is changed where it speaks of a file that was changed or removed; the server may run meanwhile.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from sintonia.corridor.erasing.plan import FileChange, Touched
from sintonia.files import home_folder, sha256_file

_DATABASE = "serve.db"
_BUSY_SECONDS = 30.0


def homes_of_servers(runs: Sequence[Touched]) -> tuple[Path, ...]:
    """Where servers keep their state: at home, and where a touched run is the run of a job."""
    found = [home_folder() / "serve", *(Path(one.path).parents[2] for one in runs if len(Path(one.path).parts) > 3)]
    return tuple(dict.fromkeys(home for home in found if (home / _DATABASE).is_file()))


def uploads_of(home: Path) -> Iterator[Path]:
    """The files of rows that a server keeps: those that were sent, and those of its jobs."""
    yield from sorted(home.glob("files/*.bin"))
    for name in ("training", "validation"):
        yield from sorted(home.glob(f"jobs/*/{name}.jsonl"))


def note_change(change: FileChange) -> None:
    """Tells the database how large an upload is now; of a job's own file it knows nothing."""
    path = Path(change.path)
    if path.suffix == ".bin":
        rule = "UPDATE files SET bytes = ?, sha256 = ? WHERE id = ?"
        _change(path.parents[1], [(rule, (path.stat().st_size, sha256_file(path), path.stem))])


def forget_job(touched: Touched) -> None:
    """Removes what a job gave beside its run: its files of results, and what was told while it ran."""
    path = Path(touched.path)
    home = path.parents[2] if len(path.parts) > 3 else path
    if path.parents[1].name != "jobs" or not (home / _DATABASE).is_file():
        return
    with closing(sqlite3.connect(home / _DATABASE, timeout=_BUSY_SECONDS)) as connection:
        row = connection.execute("SELECT result_files FROM jobs WHERE id = ?", (path.parent.name,)).fetchone()
    names = json.loads(row[0]) if row and row[0] else []
    for name in names:
        (home / "files" / f"{Path(str(name)).name}.bin").unlink(missing_ok=True)
    rules: list[tuple[str, tuple[object, ...]]] = [("DELETE FROM files WHERE id = ?", (name,)) for name in names]
    rules += [
        ("DELETE FROM events WHERE job = ?", (path.parent.name,)),
        ("UPDATE jobs SET result_files = '[]', is_model_deleted = 1 WHERE id = ?", (path.parent.name,)),
    ]
    _change(home, rules)


def _change(home: Path, rules: Sequence[tuple[str, tuple[object, ...]]]) -> None:
    with closing(sqlite3.connect(home / _DATABASE, timeout=_BUSY_SECONDS)) as connection, connection:
        connection.execute("PRAGMA secure_delete = ON")
        for rule, values in rules:
            connection.execute(rule, values)

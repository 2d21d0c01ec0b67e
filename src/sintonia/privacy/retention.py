"""What a run keeps for `privacy.keep_days` days only: which runs are due, and the removal of what is not to stay.

What stays is listed, so that whatever else a run folder comes to hold goes. Nothing is removed unless somebody asks
(`sintonia runs --expire`): a clock alone never does. It prints nothing, and knows nothing of what the files say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from sintonia.audit import names_of, record
from sintonia.errors import SintoniaError, StorageError
from sintonia.files import read_json, storage_errors, utc_now
from sintonia.runs import ENDED, EXPIRED, Expired, RunFolder
from sintonia.settings import LEAST_DAYS, MOST_DAYS

_KEPT = (
    *("recipe.yaml", "resolved.yaml", "prepared.json", "base.json", "ranking.json", "method.json", "worth.json"),
    *("verdict.json", "verdicts/*.json", "findings.jsonl", "events.jsonl", "resources.json", "card.md", "curve.json"),
    *("continues.json", "bought.json", "teaching.json", "answered.json", "taught.json", "metrics.json", "audit.json"),
    *("search/plan.json", "search/outcome.json", "search/trials.jsonl", "search/early.jsonl", "mlflow.db"),
    *("turns/*/turn.json", "turns/*/change.json", "turns/*/on_all.json", "turns/*/events.jsonl", "turns/*/mlflow.json"),
    *("lineage.json", "erased.json", "privacy.json", "turns/*/privacy.json"),
    *("turns/*/tensorboard/*", "turns/*/wandb/*", "evaluations/*/verdict.json", "model/*", ENDED, EXPIRED, ".lock"),
)
"""What stays of a run: what was asked for, found, judged and spent, and the model. A star stands for folders too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A run whose days are over, and what would be removed of it."""

    run: RunFolder
    keep_days: int
    ended: str
    """When it was last worked on: UTC, ISO 8601."""
    num_files: int
    num_bytes: int
    is_broken_off: bool = False
    """Whether a removal was begun and did not come to its end."""


def expires(run: RunFolder) -> str | None:
    """When the data of a run are due to be removed (UTC, ISO 8601); None where its recipe says nothing about it.

    Raises:
        StorageError: the recipe or the record of the end is damaged.
    """
    days = _days(run)
    return None if days is None else _written(_end_of(run, days))


def due_runs(runs: Iterable[RunFolder], now: datetime | None = None) -> Iterator[Due]:
    """Those of these runs whose days are over, or whose removal was broken off. Damaged ones and those in work are not.

    `now` is the present, unless a test says otherwise.
    """
    for run in runs:
        try:
            found = None if run.is_being_written() else _due(run, now or datetime.now(UTC))
        except SintoniaError:
            continue  # `sintonia runs` lists it as damaged
        if found is not None:
            yield found


def expire(due: Due, mark: Callable[[RunFolder, Expired], None]) -> Expired:
    """Removes what is not to stay, and says in the run and in the audit log that it was done, and when.

    The run counts as expired before the first file goes: killed at any point, it is never half a run that looks whole,
    and the next call ends what was begun. `mark` changes what stays so that it says so too; it may be called again.

    Raises:
        UsageError: another process works on the run.
        StorageError: a file cannot be removed.
    """
    run = due.run
    with run.writing():
        begun = run.read(EXPIRED, Expired)
        done = begun or Expired(time=utc_now(), ended=due.ended, keep_days=due.keep_days)
        run.write(EXPIRED, done)
        num_files, num_bytes = done.num_files, done.num_bytes
        for path in _to_remove(run):
            with storage_errors(path):
                num_files, num_bytes = num_files + 1, num_bytes + path.lstat().st_size
                path.unlink()
        _remove_empty(run.path)
        mark(run, done)
        record("expiry", **names_of(run.place), ended=done.ended, keep_days=done.keep_days, files=num_files)
        done = Expired(
            time=done.time,
            ended=done.ended,
            keep_days=done.keep_days,
            num_files=num_files,
            num_bytes=num_bytes,
            is_complete=True,
        )
        run.write(EXPIRED, done)
    return done


def _due(run: RunFolder, now: datetime) -> Due | None:
    begun, days = run.read(EXPIRED, Expired), _days(run)
    if begun is not None and begun.is_complete:
        return None
    if begun is None and (days is None or now < _end_of(run, days)):
        return None
    paths = list(_to_remove(run))
    return Due(
        run=run,
        keep_days=begun.keep_days if begun else days or 0,
        ended=begun.ended if begun else _written(_ended(run)),
        num_files=len(paths),
        num_bytes=sum(path.lstat().st_size for path in paths),
        is_broken_off=begun is not None,
    )


def _days(run: RunFolder) -> int | None:
    """Of the recipe. A number that no recipe may have removes nothing: it is a slip of somebody's hand."""
    days = run.recipe().privacy.keep_days
    if days is not None and not LEAST_DAYS <= days <= MOST_DAYS:
        raise StorageError(
            f"`{run.file('recipe.yaml')}` says `privacy.keep_days: {days}`",
            expected=f"{LEAST_DAYS} to {MOST_DAYS:,} days",
            hint="correct the file: until then nothing of this run is removed",
        )
    return days


def _end_of(run: RunFolder, days: int) -> datetime:
    try:
        return _ended(run) + timedelta(days=days)
    except OverflowError:
        raise _damaged(run) from None


def _damaged(run: RunFolder) -> StorageError:
    return StorageError(
        f"`{run.file(ENDED)}` does not say when the run ended",
        expected="a time like 2026-01-31T12:00:00Z",
        hint="correct the file: until then nothing of this run is removed",
    )


def _ended(run: RunFolder) -> datetime:
    """When a run was last worked on: what it says itself, or what its files tell where its process was killed."""
    said = (read_json(run.file(ENDED)) or {}).get("time")
    names = ("recipe.yaml", "cache/spent.json", "verdict.json")
    seen = [*map(run.file, names), *run.path.glob("turns/*/events.jsonl")]
    times = [datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in seen if said is None and path.exists()]
    if said is None:
        return max(times)
    try:
        told = datetime.fromisoformat(said)
    except (ValueError, TypeError):
        raise _damaged(run) from None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _to_remove(run: RunFolder) -> Iterator[Path]:
    for path in sorted(run.path.rglob("*")):
        name = path.relative_to(run.path).as_posix()
        is_folder = path.is_dir() and not path.is_symlink()
        if not is_folder and not any(fnmatchcase(name, kept) for kept in _KEPT):
            yield path


def _remove_empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

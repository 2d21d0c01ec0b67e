"""A run emptied of all that may hold rows, and marked; or only the evaluations on another file taken out of it.

What stays is listed, so that whatever else a run folder comes to hold goes. It decides nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from sintonia.corridor.erasing.plan import Touched
from sintonia.files import storage_errors, utc_now
from sintonia.privacy.lineage import LINEAGE, Entry, Lineage
from sintonia.records import Verdict
from sintonia.runs import ERASED, Erased, RunFolder

_KEPT = ("recipe.yaml", "base.json", "audit.json", LINEAGE, ERASED, ".lock")
"""What holds no text of a row: what was asked for, the base, roots of sets, heads of the log, the mark itself."""
_MODELS = ("model/*", "turns/*/model/*")


def empty_run(touched: Touched, certificate: str, *, keeps_models: bool) -> int:
    """Removes what may hold rows of a run, or the models that learned from them; how many files were removed.

    The mark is written first: killed at any point, the run is never half a run that looks whole.

    Raises:
        UsageError: another process works on the run.
        StorageError: a file cannot be removed.
    """
    run = RunFolder(Path(touched.path))
    with run.writing():
        if not touched.is_emptied:
            return _remove_evaluations(run, touched)
        keeps = keeps_models or not touched.is_learned
        before = run.read(ERASED, Erased)
        run.write(ERASED, before or _mark(run, certificate, is_model_kept=keeps and run.file("model").is_dir()))
        kept = (*_KEPT, *(_MODELS if keeps else ()))
        count = 0
        for path in _all_but(run.path, kept):
            with storage_errors(path):
                path.unlink(missing_ok=True)
                count += 1
        _remove_empty(run.path)
        return count


def note_lineage(entry: Entry) -> None:
    """Writes the roots of the sets as they are without the rows into a run that was emptied."""
    run = RunFolder(Path(entry.path))
    if run.file(LINEAGE).exists():
        with run.writing():
            run.write(LINEAGE, Lineage(id=entry.id, sets=entry.sets))


def _mark(run: RunFolder, certificate: str, *, is_model_kept: bool) -> Erased:
    verdict = run.read("verdict.json", Verdict)
    primary = verdict.primary if verdict else None
    return Erased(
        time=utc_now(),
        certificate=certificate,
        is_model_kept=is_model_kept,
        outcome=verdict.outcome if verdict else "",
        metric=primary.metric if primary else "",
        base=primary.base.value if primary else None,
        tuned=primary.tuned.value if primary else None,
    )


def _remove_evaluations(run: RunFolder, touched: Touched) -> int:
    """The evaluations on other files that held the rows, what is cached of texts, and pages, which are made anew."""
    from sintonia.report import write_card, write_report

    count = 0
    for name in touched.sets:
        folder = run.file(name)
        count += sum(path.is_file() for path in folder.rglob("*"))
        shutil.rmtree(folder, ignore_errors=True)
    for path in [*run.file("cache").rglob("*.npy"), *run.file("cache").rglob("*.npz")]:
        path.unlink()
        count += 1
    for name, write in (("report.html", write_report), ("card.md", write_card)):
        if run.file(name).exists():
            run.file(name).unlink()
            write(run)
    return count


def _all_but(folder: Path, kept: tuple[str, ...]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        is_folder = path.is_dir() and not path.is_symlink()
        if not is_folder and not any(fnmatchcase(name, pattern) for pattern in kept):
            yield path


def _remove_empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()

"""What was erased, as a record and as a page: when, which rows, what was cleaned, removed, trained anew, and not.

No text of a row stands in it, and no subject: what stands for them is keyed, and tells nothing to whoever lacks the key
of the register (`SINTONIA_HOME/lineage/key`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sintonia
from sintonia.corridor.erasing.plan import FileChange, Plan, Touched
from sintonia.files import from_json, read_json, utc_now, write_atomic, write_json
from sintonia.privacy.lineage import Register


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanedFile:
    """A data file before and after."""

    file: str
    rows: int
    """How many rows were taken out of it."""
    num_rows: int
    """How many it had."""
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanedRun:
    """What became of a run that saw the rows."""

    run: str
    sets: dict[str, int]
    through: str
    done: str
    models_removed: dict[str, str]
    """By their folders, with the hash of their weights."""
    models_kept: dict[str, str]
    learned_from_rows: bool
    """Whether those models came about with the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """A run that was trained anew."""

    of: str
    run: str
    weights_before: str
    weights: str = ""
    """The hash of the new weights; empty while it is not trained yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """An erasure that was carried out."""

    number: int
    time: str
    planned: str
    version: str
    subject: str
    rows: tuple[str, ...]
    """What stands for each row, keyed."""
    files: tuple[CleanedFile, ...]
    beside: tuple[str, ...]
    uploads: tuple[CleanedFile, ...]
    runs: tuple[CleanedRun, ...]
    retrained: Retrained | None
    not_erased: tuple[str, ...]
    near_rows: int = 0
    """How many rows have the subject in another spelling; they stay."""
    method: str = "retraining without the rows, or removal of the model; no unlearning was tried"


def certify(plan: Plan, retrained: Retrained | None = None) -> Certificate:
    """Writes the record and the page. Written again it keeps its number and its time.

    Raises:
        StorageError: they cannot be written.
    """
    path = Path(plan.certificate)
    before = read_certificate(path)
    register = Register()
    begun = Retrained(of=plan.retrain, run=plan.out, weights_before=_before(plan)) if plan.retrain else None
    found = Certificate(
        number=int(path.stem),
        time=before.time if before else utc_now(),
        planned=plan.time,
        version=sintonia.__version__,
        subject=plan.subject,
        rows=tuple(register.keyed("row", one) for one in plan.ids),
        files=tuple(_cleaned(one) for one in plan.files),
        beside=plan.beside,
        uploads=tuple(_cleaned(one) for one in plan.uploads),
        runs=tuple(_of_run(one, plan) for one in plan.runs),
        retrained=retrained or begun,
        not_erased=plan.outside,
        near_rows=plan.near_rows,
    )
    write_json(path, found)
    write_atomic(path.with_suffix(".md"), "".join(f"{line}\n" for line in _page(found)).encode())
    return found


def read_certificate(path: Path) -> Certificate | None:
    """A certificate that was written."""
    body = read_json(path)
    return None if body is None else from_json(Certificate, body)


def _before(plan: Plan) -> str:
    return next((one.models.get("model", "") for one in plan.runs if one.path == plan.retrain), "")


def _cleaned(change: FileChange) -> CleanedFile:
    return CleanedFile(
        file=change.path,
        rows=len(change.lines),
        num_rows=change.num_rows,
        before=change.before,
        after=change.after,
    )


def _of_run(touched: Touched, plan: Plan) -> CleanedRun:
    keeps = plan.keeps_models or not touched.is_learned
    if not touched.exists:
        done = "not there any more: what may be elsewhere was not erased"
    elif not touched.is_emptied:
        done = "the evaluations that held the rows were removed"
    else:
        done = "emptied of data, caches, predictions, checkpoints and pages" + ("" if keeps else ", and of its models")
    gone = touched.exists and touched.is_emptied and not keeps
    return CleanedRun(
        run=touched.path,
        sets=touched.sets,
        through=touched.through,
        done=done,
        models_removed=touched.models if gone else {},
        models_kept={} if gone else touched.models,
        learned_from_rows=touched.is_learned,
    )


def _page(found: Certificate) -> Iterator[str]:
    yield from (f"# Erasure {found.number:03d}", "", f"Carried out {found.time} by sintonia {found.version}.", "")
    if found.subject:
        yield from (f"Subject: `{found.subject}` (keyed: it stands for the subject to whoever has the key).", "")
    yield from ("## Rows", "")
    for one in (*found.files, *found.uploads):
        is_same = one.before == one.after
        what = "left as it is" if is_same else f"sha256 {one.before[:16]}… before, {one.after[:16]}… after"
        yield f"- `{one.file}`: {one.rows:,} of {one.num_rows:,} rows; {what}"
    yield from (f"- cleaned beside the data: `{one}`" for one in found.beside)
    yield from ("", "Rows, keyed: " + ", ".join(f"`{one}`" for one in found.rows), "", "## Runs and models", "")
    for run in found.runs:
        yield from _run_in_lines(run)
    if not found.runs:
        yield "No run that is known saw them."
    yield from ("", "## Trained anew", "", _retrained_in_words(found.retrained), "", "## Not erased", "")
    yield from (f"- {one}" for one in found.not_erased)
    yield from ("", f"How: {found.method}.")


def _run_in_lines(one: CleanedRun) -> Iterator[str]:
    seen = ", ".join(f"{count:,} in {name}" for name, count in one.sets.items())
    yield f"- `{one.run}`: {'; '.join(filter(None, (seen, one.through)))}. {one.done.capitalize()}."
    for name, weights in one.models_removed.items():
        yield f"  - removed: `{name}`, weights {weights[:16]}…"
    for name, weights in one.models_kept.items():
        learned = "it learned from the rows" if one.learned_from_rows else "its weights never saw the rows"
        yield f"  - kept: `{name}`, weights {weights[:16]}…: {learned}"


def _retrained_in_words(retrained: Retrained | None) -> str:
    if retrained is None:
        return "Nothing."
    if not retrained.weights:
        return f"`{retrained.of}`, in `{retrained.run}`: not finished yet."
    return (
        f"`{retrained.of}` (weights {retrained.weights_before[:16]}…), in `{retrained.run}`: weights "
        f"{retrained.weights[:16]}…"
    )

"""An erasure carried out, step by step: killed at any point, it goes on where it was when it is called again.

The plan is on disk before the first step, each step can be taken twice, and the plan is removed last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sintonia.audit import entries, record
from sintonia.corridor.erasing.certificate import Certificate, Retrained, certify, read_certificate
from sintonia.corridor.erasing.emptying import empty_run, note_lineage
from sintonia.corridor.erasing.plan import FileChange, Plan, forget_plan, read_plan, write_plan
from sintonia.corridor.erasing.reading import as_recipes
from sintonia.corridor.erasing.uploads import forget_job, note_change
from sintonia.errors import DataError
from sintonia.files import sha256_file, storage_errors, write_atomic
from sintonia.prepare.erasing.beside import forget_beside
from sintonia.prepare.erasing.finding import FoundRows, Meant, find_rows
from sintonia.prepare.erasing.rewriting import without_rows
from sintonia.privacy.lineage import Register
from sintonia.runs import RunFolder, weights_id
from sintonia.settings import Recipe

Tell = Callable[[str], None]


def carry_out(plan: Plan, tell: Tell) -> Certificate:
    """Removes what the plan says, and certifies it. Training anew comes afterwards; `finish` ends the plan then.

    Raises:
        DataError: a file was changed since the plan was made.
        UsageError: another process works on a run.
        StorageError: something cannot be written.
    """
    keys, ids = frozenset(int(one, 16) for one in plan.keys), set(plan.ids)
    if read_plan([Path(one.path) for one in plan.files]) is None:
        _refuse_changed(plan)  # nothing was done yet: another plan can be made
    write_plan(plan)
    reached("planned")
    for change in (*plan.files, *plan.uploads):
        _rewrite(change, Meant(keys=keys), as_recipes(plan.readings), tell)
        reached("rewritten")
    for data in plan.data:
        forget_beside(Path(data), keys, ids)
        reached("beside")
    for one in plan.runs:
        if one.exists:
            count = empty_run(one, plan.certificate, keeps_models=plan.keeps_models)
            forget_job(one)
            tell(f"{one.path}: {count:,} files removed")
            reached("emptied")
    _forget_in_register(plan)
    reached("register")
    done = certify(plan)
    reached("certified")
    _record(plan, done, "erased")
    if not plan.retrain:
        forget_plan(plan)
    return done


def finish(plan: Plan, run: RunFolder) -> Certificate:
    """Certifies the run that was trained anew, and ends the plan."""
    before = read_certificate(Path(plan.certificate))
    weights = before.retrained.weights_before if before and before.retrained else ""
    new = weights_id(run.file("model"))
    done = certify(plan, Retrained(of=plan.retrain, run=plan.out, weights_before=weights, weights=new))
    _record(plan, done, "retrained")
    forget_plan(plan)
    return done


def reached(step: str) -> None:
    """A step is done. Nothing happens here: tests end the process at this place."""


def _refuse_changed(plan: Plan) -> None:
    for change in (*plan.files, *plan.uploads):
        if sha256_file(Path(change.path)) != change.before:
            raise _changed(change)


def _changed(change: FileChange) -> DataError:
    return DataError(
        "the file was changed since the erasure was planned",
        expected="the file as it was then, or without the rows",
        where=change.path,
        hint="call the same command again; if it was broken off before, put the file back as it was first",
    )


def _rewrite(change: FileChange, meant: Meant, recipes: Sequence[Recipe], tell: Tell) -> None:
    path = Path(change.path)
    if change.before == change.after:
        return
    with storage_errors(path):
        for leftover in path.parent.glob(f".{path.name}.*.tmp"):  # of an attempt that was killed: it holds rows
            leftover.unlink(missing_ok=True)
        now, mode = sha256_file(path), path.stat().st_mode & 0o777
    if now == change.before:
        write_atomic(path, without_rows(_as_found(change)), mode=mode)
        with storage_errors(path):
            path.chmod(mode)
            now = sha256_file(path)
        tell(f"{path}: {len(change.lines):,} rows taken out")
    if now != change.after and find_rows(path, meant, recipes).lines:
        raise _changed(change)
    note_change(change)


def _as_found(change: FileChange) -> FoundRows:
    return FoundRows(
        path=Path(change.path),
        container=change.container,
        num_rows=change.num_rows,
        lines=change.lines,
        ordinals=change.ordinals,
        keys=frozenset(),
        ids=frozenset(),
    )


def _forget_in_register(plan: Plan) -> None:
    import numpy as np

    register = Register()
    keys = np.array([int(one, 16) for one in plan.keys], dtype=np.uint64)
    erased = {one.id: plan.certificate for one in plan.runs if one.id}
    register.take_out(keys, erased)
    for entry in register.entries():
        if entry.id in erased and Path(entry.path).is_dir():
            note_lineage(entry)


def _record(plan: Plan, done: Certificate, stage: str) -> None:
    """One line in the audit log for each stage, however often it is reached."""
    facts = {"certificate": Path(plan.certificate).name, "data": Path(plan.files[0].path).name, "stage": stage}
    known = {"planned": plan.time, **facts}
    if any(one.event == "erasure" and known.items() <= one.facts.items() for one in entries()):
        return
    record(
        "erasure",
        **known,
        rows=plan.num_rows,
        runs=len(plan.runs),
        models_removed=sum(len(one.models_removed) for one in done.runs),
        sha256=sha256_file(Path(plan.certificate)),
        retrained=done.retrained.weights if done.retrained else None,
    )

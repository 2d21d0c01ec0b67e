"""A finished run on the examples of another file: the same model, the same rungs, the same judge, and one opening more.

What is judged anew is written beside the turns, in `evaluations/NNN`, whole or not at all. It trains nothing, and the
opening is counted by whom it is handed (`pipeline.py`).
"""

from __future__ import annotations

import dataclasses
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from sintonia.corridor.auditing import note
from sintonia.corridor.closing.bench import make_benches
from sintonia.corridor.closing.judging import Circumstances, judge_all
from sintonia.corridor.closing.shipping import ALL_ROWS
from sintonia.corridor.erasing.seeing import register_judged_on
from sintonia.corridor.turns import candidate_id, findings_of, read_sets, refuse_broken
from sintonia.corridor.walk import Listener, Walk, finished_turns
from sintonia.errors import StorageError, UsageError, hiding
from sintonia.evaluate.cautions import own_test_caution
from sintonia.files import read_lines, sha256_file, storage_errors, sync_folder, write_lines
from sintonia.metrics import adding
from sintonia.metrics.kept import own_metrics
from sintonia.prepare import AnotherFile, read_another
from sintonia.records import Base, Baseline, Evaluated, Example, ExampleSet, Finding, Part, Prepared, Turn, Verdict
from sintonia.runs import RunFolder
from sintonia.sealed import ONE_PART, num_in_own_test, seal

OpenTest = Callable[[tuple[Part, ...], RunFolder, str], tuple[tuple[tuple[Example, ...], ...], int]]
"""`sealed.open_test`, handed on by the pipeline."""
Learned = tuple[tuple[Example, ...], tuple[Example, ...]]
"""Training and validation examples."""
_FOLDER, _BASELINES = "evaluations", "baselines.jsonl"
_TEXTS = ("input", "base", "tuned", "target")
"""What may be a text in a line of the predictions."""


class RunBesideTurns(RunFolder):
    """The run, but what is written about a turn goes to another folder, with baselines of its own."""

    def __init__(self, run: RunFolder, relative: str) -> None:
        super().__init__(run.path)
        self._relative = relative

    def turn(self, number: int) -> str:
        """That folder, whatever the turn."""
        return self._relative

    def file(self, relative: str) -> Path:
        """The absolute path of a file of the run; the settings of the rungs are those in that folder."""
        return super().file(f"{self._relative}/{_BASELINES}" if relative == _BASELINES else relative)


def judge_on(run: RunFolder, file: Path, listener: Listener, open_test: OpenTest) -> Evaluated:
    """Scores the model of a run and its rungs on a file, and judges.

    Raises:
        UsageError: the run has no verdict yet, or there is no such file.
        DataError: the file cannot be read as the run's own data were, or no row of it is new.
        StorageError: a part of the run is missing or was changed.
        RunFailed: the saved model is not the one that was trained.
    """
    began = time.monotonic()
    verdict, prepared, base = finished(run)
    with run.writing(), hiding(run.recipe().privacy.redact), adding(*own_metrics(run)):
        walk, number = Walk(run, listener), _next_number(run)
        shipped = _shipped(walk, verdict)
        learned = _learned(run, prepared)
        walk.tell("evaluate", f"reading {file.name} as the run read its own data")
        read = read_another(file, run.recipe().data, prepared, [*learned[0], *learned[1]])
        shutil.rmtree(run.file(work := f"{_FOLDER}/.{number:03d}-unfinished"), ignore_errors=True)
        beside = RunBesideTurns(run, work)
        asked = _as_one_part(beside, prepared, shipped, read, learned)
        walk.tell("evaluate", "opening the model and the honest baselines of the run")
        benches = make_benches(beside, base, asked, (shipped,))
        opening = _count_opening(beside, file, read, f"{candidate_id(run, (shipped,))}+{number:03d}", open_test)
        walk.tell("evaluate", f"{len(read.examples):,} examples of {file.name} are tested (opening {opening})")
        findings = read.findings + _of_own_test(run, prepared, read, file.name)
        known = Circumstances(
            openings=opening,
            findings=findings,
            shown=findings_of((shipped,)),
            advice=(),
            shipped=shipped,
            is_first_look=False,
        )
        judged = judge_all(benches, asked, (read.examples,), known)
        register_judged_on(run, f"{_FOLDER}/{number:03d}", read.examples, file)  # before anything of them stays
        folder = _publish(beside, number, judged, ("input",) if prepared.labels else _TEXTS)
        note(walk, "evaluation", file=file.name, number=number, outcome=judged.outcome, openings=opening)
    return Evaluated(
        number=number,
        folder=folder,
        file=file.name,
        verdict=judged,
        rows_in=read.rows_in,
        rows_set_aside=read.rows_in - len(read.examples),
        findings=findings,
        seconds=time.monotonic() - began,
    )


def _of_own_test(run: RunFolder, prepared: Prepared, read: AnotherFile, name: str) -> tuple[Finding, ...]:
    """E321 where the sealed test of the run holds what is tested; of ten parts all rows are trained on instead."""
    num_own = num_in_own_test(prepared.parts, run, read.examples)
    return (own_test_caution(num_own, len(read.examples), name),) if num_own else ()


def _shipped(walk: Walk, verdict: Verdict) -> Turn:
    """The turn whose model is kept, as it was when the turn ended."""
    shipped = finished_turns(walk.run)[verdict.turn - 1]
    refuse_broken(walk.run, (shipped,))
    if shipped.recipe.evaluation.judge:
        walk.tell("evaluate", "the judge of the recipe is not asked: it is asked about the run's own test only")
    return shipped


def finished(run: RunFolder) -> tuple[Verdict, Prepared, Base]:
    """What is known of a run that has a verdict.

    Raises:
        UsageError: it has none yet.
        StorageError: a part of the run is missing.
    """
    run.refuse_expired()
    verdict = run.read("verdict.json", Verdict)
    if verdict is None:
        raise UsageError(f"`{run.place}` has no verdict yet", hint=f"`sintonia resume {run.place}` goes on to it")
    prepared, base = run.read("prepared.json", Prepared), run.read("base.json", Base)
    if prepared is None or base is None or len(finished_turns(run)) < verdict.turn:
        raise StorageError(f"`{run.place}` lacks `prepared.json`, `base.json` or a turn", hint="restore it from a copy")
    return verdict, prepared, base


def _learned(run: RunFolder, prepared: Prepared) -> Learned:
    """Training and validation examples; of ten parts all rows, which the model that is kept was trained on."""
    sets = [read_sets(run, part) for part in prepared.parts]
    if len(sets) == 1:
        return sets[0]
    everything = {one.id: one for train, validation in sets for one in (*train, *validation)}
    return tuple(everything.values()), ()


def _as_one_part(
    beside: RunBesideTurns, prepared: Prepared, shipped: Turn, read: AnotherFile, learned: Learned
) -> Prepared:
    """What was prepared, as the model that is kept has seen it; the settings of the rungs are those of the run."""
    asked, folder = dataclasses.replace(prepared, leaked=(), near_copies=read.near_copies), beside.turn(0)
    kept = _settings_of_rungs(beside, prepared)
    if kept:
        write_lines(beside.file(_BASELINES), kept)
    if len(prepared.parts) == 1:
        seen = f"{RunFolder(beside.path).turn(shipped.number)}/scorecards/validation.json"
        with storage_errors(beside.path):
            beside.file(f"{folder}/scorecards").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(beside.file(seen), beside.file(f"{folder}/scorecards/validation.json"))
        return asked
    path = f"{folder}/train.jsonl"
    write_lines(beside.file(path), learned[0])
    train = ExampleSet(path=path, count=len(learned[0]), sha256=sha256_file(beside.file(path)))
    part = dataclasses.replace(prepared.parts[0], name=ALL_ROWS, train=train)
    return dataclasses.replace(asked, parts=(part,))


def _settings_of_rungs(beside: RunBesideTurns, prepared: Prepared) -> list[Baseline]:
    """As the run chose them on validation; of ten parts for each rung what most of them chose."""
    is_alone = len(prepared.parts) == 1
    names = [_BASELINES] if is_alone else [f"data/{part.name}/{_BASELINES}" for part in prepared.parts]
    of_parts = [RunFolder(beside.path).lines(name, Baseline) for name in names]
    chosen = []
    for one in of_parts[0]:
        alike = [other for part in of_parts for other in part if other.name == one.name]
        chosen.append(dataclasses.replace(one, setting=statistics.mode(other.setting for other in alike)))
    return chosen


def _count_opening(beside: RunBesideTurns, file: Path, read: AnotherFile, candidate: str, open_test: OpenTest) -> int:
    """Seals the examples as a test is sealed and opens them at once: so they are counted, by what they hold.

    They are counted beside the file and beside the data of the run, since both may be tested again.
    """
    asked = beside.recipe().data
    places = {one.resolve(): one for one in (Path(asked.test or asked.path), file) if one.exists()}
    scratch, openings = RunFolder(beside.file(f"{beside.turn(0)}/sealed")), []
    for data in places.values():
        sealed = seal(scratch, {ONE_PART: read.examples}, data=data)[ONE_PART]
        nothing = ExampleSet(path="", count=0, sha256="")
        part = Part(name=ONE_PART, train=nothing, validation=nothing, test=sealed)
        openings.append(open_test((part,), scratch, candidate)[1])
    with storage_errors(scratch.path):
        shutil.rmtree(scratch.path)
    return max(openings)


def _next_number(run: RunFolder) -> int:
    taken = [int(path.name) for path in run.file(_FOLDER).glob("[0-9]*") if path.name.isdecimal()]
    return max(taken, default=0) + 1


def _publish(beside: RunBesideTurns, number: int, verdict: Verdict, texts: tuple[str, ...]) -> str:
    """The folder of the evaluation, whole: verdict, predictions, scorecards, the settings of the rungs.

    With `privacy.redact` nothing stays of what may be `texts`.
    """
    work, folder = beside.turn(0), f"{_FOLDER}/{number:03d}"
    rows = read_lines(beside.file(f"{work}/predictions/test.jsonl"))
    if beside.recipe().privacy.redact:
        rows = [{name: value for name, value in row.items() if not name.startswith(texts)} for row in rows]
        _remove_all_but(beside.file(work), (_BASELINES, "predictions"))
    write_lines(beside.file(f"{work}/predictions.jsonl"), rows)
    beside.write(f"{work}/verdict.json", verdict)
    with storage_errors(beside.path):
        shutil.rmtree(beside.file(f"{work}/predictions"))
        for name in ("train.jsonl", "scorecards/validation.json"):
            beside.file(f"{work}/{name}").unlink(missing_ok=True)
        beside.file(work).rename(beside.file(folder))
        sync_folder(beside.file(_FOLDER))
    return folder


def _remove_all_but(folder: Path, names: tuple[str, ...]) -> None:
    with storage_errors(folder):
        for path in folder.iterdir():
            if path.is_dir() and path.name not in names:
                shutil.rmtree(path)
            elif path.name not in names:
                path.unlink()

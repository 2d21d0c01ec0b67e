"""A combination that won becomes a turn: its folder appears whole, under the next number, or not at all.

Nothing was trained, so there are no curves; what training showed is that of the first of its turns. It judges nothing.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from sintonia.corridor.combining.measuring import FOLDER, Maker
from sintonia.corridor.turns import candidate_id
from sintonia.corridor.walk import Walk
from sintonia.evaluate import score_writing
from sintonia.files import append_line, storage_errors, sync_folder, write_json
from sintonia.records import Candidate, Combination, Event, Resources, Scorecard, Turn
from sintonia.resources.meter import peak_memory_bytes

_STAGED = f"{FOLDER}/turn"


def combination_in_words(one: Combination) -> str:
    """`the mean of turns 1, 2`, `turn 3 at 70% of its way from the base`."""
    if one.kind == "scaled":
        return f"turn {one.turns[0]} at {one.scale:.0%} of its way from the base"
    if one.kind == "thresholds":
        return f"turn {one.turns[0]} with answers moved between its classes (by thresholds kept in sintonia.json)"
    which = "the mean" if one.kind == "mean" else "the mean, grown one by one,"
    return f"{which} of turns {', '.join(str(number) for number in one.turns)}"


def keep(walk: Walk, maker: Maker, turns: tuple[Turn, ...], seconds: float, gain: str) -> Turn:
    """Writes the best that `maker` holds as the next turn, after `turns`; `gain` says in words what it gave.

    Raises:
        StorageError: the disk refuses.
    """
    if maker.best is None:
        raise ValueError("nothing was made")
    (tried, card, folder), run, number = maker.best, walk.run, len(turns) + 1
    staged = run.file(_STAGED)
    with storage_errors(staged):
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        folder.rename(staged / "model")
    like = next(one for one in turns if one.number == tried.combination.turns[0])
    purpose = f"{combination_in_words(tried.combination)}, nothing was trained: {gain}"
    turn = dataclasses.replace(
        like,
        number=number,
        parent=like.number,
        purpose=purpose,
        combined=tried.combination,
        candidate=dataclasses.replace(like.candidate, weights=f"{_STAGED}/model", stop_reason=purpose),
        validation_metric=_primary_metric(maker, like, card, staged),
        resources=Resources(basis="measured", seconds=seconds, peak_memory_bytes=peak_memory_bytes()),
        layers=None,
        trade="",
    )
    files_id = candidate_id(run, (turn,))
    weights = f"{run.turn(number)}/model"
    turn = dataclasses.replace(turn, candidate=dataclasses.replace(turn.candidate, weights=weights, files_id=files_id))
    _write_records(turn, card, staged, seconds)
    with storage_errors(staged):
        target = run.file(run.turn(number))
        shutil.rmtree(target, ignore_errors=True)  # of a turn that never ended
        staged.rename(target)
        sync_folder(target.parent)
    walk.save()
    return turn


def _primary_metric(maker: Maker, like: Turn, card: Scorecard, staged: Path) -> float:
    """On validation; where it reads texts, the model writes some."""
    found = next((one.value for one in card.scores if one.metric == like.primary_metric), None)
    if found is not None:
        return found
    asked = next(one.value for one in like.resolved if one.setting == "evaluation.new_tokens")
    written = score_writing(staged / "model", maker.validation, "validation", int(asked))
    write_json(staged / "scorecards" / "validation-written.json", written)
    return next(one.value for one in written.scores if one.metric == like.primary_metric)


def _write_records(turn: Turn, card: Scorecard, staged: Path, seconds: float) -> None:
    candidate: Candidate = turn.candidate
    ended = {"best_step": candidate.best_step, "last_step": candidate.last_step, "stop_reason": candidate.stop_reason}
    events = (
        Event(kind="message", step=candidate.best_step, seconds=seconds, values={"text": turn.purpose}),
        Event(kind="finished", step=candidate.last_step, seconds=seconds, values=ended),
    )
    write_json(staged / "scorecards" / "validation.json", card)
    for event in events:
        append_line(staged / "events.jsonl", event)
    write_json(staged / "turn.json", turn)

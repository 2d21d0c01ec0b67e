"""Finished runs as they are compared: what each answered, by which recipe, and why two of them cannot be paired.

It opens no test and compares no scores.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sintonia.corridor.closing.shipping import OnAll
from sintonia.corridor.doors.evaluating import finished
from sintonia.corridor.turns import ON_ALL, refuse_broken
from sintonia.corridor.walk import finished_turns
from sintonia.errors import StorageError, UsageError
from sintonia.evaluate import reads_text
from sintonia.evaluate.several.recipes import Judged, unpaired
from sintonia.evaluate.several.standing import DOUBTS, Standing
from sintonia.files import read_json, to_json
from sintonia.metrics import METRICS
from sintonia.recipe import recipe_id
from sintonia.records import Base, Prepared, Scorecard, Turn, Verdict
from sintonia.runs import RunFolder
from sintonia.settings import EvaluationSettings

_TEXT_SETTINGS = ("base", "training.max_tokens", "chat.learn", "chat.template", "data.columns")
"""What decides which text of an example is scored."""
_NEW_TOKENS, _FORMAT = "evaluation.new_tokens", "evaluation.format"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """A run with a verdict, and what it answered to its test."""

    run: RunFolder
    verdict: Verdict
    prepared: Prepared
    base: Base
    turn: Turn
    """The one whose model is kept."""
    scored: tuple[Turn, ...]
    """Those whose models were tested: the same, or one of each of ten parts."""
    tested: Judged

    @property
    def is_written(self) -> bool:
        """Whether its metric reads what a language model wrote."""
        return reads_text(METRICS[self.prepared.primary_metric], self.prepared.task)


def read_finished(run: RunFolder) -> FinishedRun:
    """A run as it is compared.

    Raises:
        UsageError: it has no verdict, or was judged by a metric that is not known here.
        StorageError: a part of it is missing.
        RunFailed: a model of it is not the one that was tested.
    """
    verdict, prepared, base = finished(run)
    turns, metric = finished_turns(run), prepared.primary_metric
    turn = turns[verdict.turn - 1]
    decided = run.read(f"{run.turn(turn.number)}/{ON_ALL}", OnAll)
    scored = tuple(turns[number - 1] for number in decided.turns) if decided else (turn,)
    refuse_broken(run, (*scored, turn) if decided else scored)
    if metric not in METRICS:
        raise UsageError(f"`{_name(run)}` was judged by `{metric}`, which the first run does not have")
    kind = "written" if reads_text(METRICS[metric], prepared.task) else "test"
    card = run.read(f"{run.turn(turn.number)}/scorecards/{kind}-tuned.json", Scorecard)
    if card is None:
        raise StorageError(f"`{run.place}` lacks the scorecard of its test", hint="restore it from a copy")
    return as_finished(run, (verdict, prepared, base), (*scored, turn), card)


def as_finished(
    run: RunFolder, known: tuple[Verdict, Prepared, Base], turns: tuple[Turn, ...], card: Scorecard
) -> FinishedRun:
    """A run as it is compared, of what is known of it; `turns` are those that were tested, and last the one kept."""
    (verdict, prepared, base), (*scored, turn) = known, turns
    tested = Judged(
        name=_name(run),
        recipe=_known_by(run, turn, base, prepared),
        seed=turn.recipe.seed,
        card=card,
        standing=_standing(verdict),
    )
    return FinishedRun(
        run=run, verdict=verdict, prepared=prepared, base=base, turn=turn, scored=tuple(scored), tested=tested
    )


def _name(run: RunFolder) -> str:
    return os.path.relpath(run.place)


def _known_by(run: RunFolder, turn: Turn, base: Base, prepared: Prepared) -> str:
    """What seeds of one recipe have in common: all that was asked for that can change the model, base and rows.

    With a budget the turns that are tried follow from what was asked and from the seed, so the one that is shipped
    does not tell recipes apart. Without one it does: a person may have asked for a change since.
    """
    budget = run.recipe().budget_seconds
    asked = run.recipe() if budget is not None else turn.recipe
    usual = EvaluationSettings()
    evaluation = dataclasses.replace(asked.evaluation, judge=usual.judge, judge_examples=usual.judge_examples)
    plain = dataclasses.replace(asked, seed=0, accept=(), tracking=(), evaluation=evaluation)
    combined = f" {turn.combined}" if turn.combined else ""  # no seed of the recipe by itself
    stands_for = f"{recipe_id(plain)} {budget} {base.revision} {prepared.data_id}{combined}"
    return hashlib.sha256(stands_for.encode()).hexdigest()[:16]


def _standing(verdict: Verdict) -> Standing:
    doubts = {one.code: f"{one.message} ({one.code})" for one in verdict.causes if one.code in DOUBTS}
    return Standing(invalid_reasons=verdict.invalid_reasons, doubts=tuple(doubts.values()), accepted=verdict.accepted)


def refuse_unpaired(found: Sequence[FinishedRun]) -> None:
    """Stops where two runs do not answer the same question about the same text.

    Raises:
        UsageError: other test examples, targets or text, or another metric.
    """
    first = found[0]
    for other in found[1:]:
        names = f"`{first.tested.name}` and `{other.tested.name}`"
        metrics = first.prepared.primary_metric, other.prepared.primary_metric
        if metrics[0] != metrics[1]:
            raise UsageError(
                f"{names} were judged by other metrics: {metrics[0]} and {metrics[1]}",
                expected="the same primary metric, declared before training",
                hint=f"tune one of them again with evaluation.primary_metric={metrics[0]}",
            )
        _refuse_other_measure(first, other, names)
        why = unpaired(first.tested.card, other.tested.card)
        if not why:
            continue
        told = _differences(first, other, _TEXT_SETTINGS)
        is_text = bool(told) and set(first.tested.card.ids) == set(other.tested.card.ids)
        raise UsageError(
            f"{names} cannot be paired: {why}{f'; what differs is {told}' if is_text else ''}",
            expected="the same test examples with the same targets and the same text of them in both",
            hint="tune one of them again with that setting of the other"
            if is_text
            else "tune both on the same data file, so that the recorded split gives both the same test; or judge "
            "both on one file: `sintonia evaluate RUN --on FILE`",
        )


def _refuse_other_measure(first: FinishedRun, other: FinishedRun, names: str) -> None:
    """A metric of one name may be two: another file of a person, another format, another limit of what is written."""
    metric = first.prepared.primary_metric
    kept = [_kept_metrics(one.run) for one in (first, other)]
    is_own = any(metric in names_of_kept for names_of_kept, _ in kept)
    if is_own and kept[0][1] != kept[1][1]:
        raise UsageError(
            f"{names} were judged by two metrics that are both called `{metric}`: the files that define it differ",
            expected="the same files, as the hashes in `metrics.json` of both runs tell",
            hint="tune one of them again with the file of the other",
        )
    told = _differences(first, other, (_NEW_TOKENS, _FORMAT)) if first.is_written else ""
    if told:
        raise UsageError(
            f"{names} cannot be paired: their models did not write under the same conditions; what differs is {told}",
            expected="the same limit of what is written and the same declared format in both",
            hint="tune one of them again with that setting of the other",
        )


def _kept_metrics(run: RunFolder) -> tuple[frozenset[str], tuple[str, ...]]:
    """Names of the metrics that a run adds, and hashes of the files that define them, wherever these lay."""
    kept: Mapping[str, Any] = read_json(run.file("metrics.json")) or {}
    return frozenset(one["name"] for one in kept.get("metrics", ())), tuple(sorted(kept.get("files", {}).values()))


def _differences(first: FinishedRun, other: FinishedRun, names: Sequence[str]) -> str:
    """Those of these settings that the two have not in common, with their values."""
    told = []
    for name in names:
        values = [_conditions(one).get(name, "-") for one in (first, other)]
        if values[0] != values[1]:
            shown = [f"{value[:40]}..." if len(value) > 40 else value for value in values]
            told.append(f"`{name}` ({shown[0]} and {shown[1]})")
    return ", ".join(told)


def _conditions(one: FinishedRun) -> dict[str, str]:
    """Settings as they were used; of ten models what each of them used, and of a schema what its file holds."""
    used = {name: str(value) for name, value in used_settings(one).items()} | {"base": one.base.reference}
    limits = {str(each.value) for turn in one.scored for each in turn.resolved if each.setting == _NEW_TOKENS}
    if limits:
        used[_NEW_TOKENS] = ", ".join(sorted(limits))
    kind, _, path = (one.turn.recipe.evaluation.format or "").partition(":")
    if kind == "json" and path:
        kept: Mapping[str, Any] = read_json(one.run.file("metrics.json")) or {}
        used[_FORMAT] = f"json:{kept.get('files', {}).get(path, path)}"
    return used


def used_settings(one: FinishedRun) -> dict[str, Any]:
    """Each setting as it was asked for; one that was left open as it was filled; by dotted names."""
    filled = {each.setting: each.value for each in one.turn.resolved}
    asked = asked_settings(one)
    used = {name: filled.get(name, value) if value == "auto" else value for name, value in asked.items()}
    return used | {"training rows": one.prepared.data_id}


def asked_settings(one: FinishedRun) -> dict[str, Any]:
    """Each setting as it was asked for, by dotted names."""
    return _flat(to_json(one.turn.recipe))


def _flat(body: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in body.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return flat

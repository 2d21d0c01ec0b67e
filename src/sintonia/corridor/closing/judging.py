"""On the opened examples everything is scored, pooled over the parts, kept, and judged.

The pipeline opens the sealed test and hands the examples in; this file never opens it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sintonia.corridor.closing.behind import Seen, look_behind
from sintonia.corridor.closing.bench import Bench
from sintonia.corridor.closing.opinion import ask_opinion
from sintonia.corridor.closing.remembering import look_for_memory
from sintonia.corridor.closing.writing import Opened, Written, remarks_on, write_answers
from sintonia.errors import RunFailed
from sintonia.evaluate import (
    JudgeInput,
    Ladder,
    Side,
    invalid_reasons,
    judge,
    metrics_of,
    no_fitted_note,
    partly_had,
    partly_tried_note,
    pool_cards,
    pool_rungs,
    prompt_doubts,
    reads_text,
    truncated,
)
from sintonia.evaluate.pooled import Rungs
from sintonia.files import write_lines
from sintonia.metrics import METRICS
from sintonia.records import Advice, Example, Finding, Prepared, Rung, Scorecard, Turn, Verdict
from sintonia.tasks import TASKS
from sintonia.tasks.pretrain import NAME as PRETRAIN


def pick(rungs: Rungs, primary_metric: str, *, needs_training: bool) -> Rung:
    """The rung of its kind to beat: the one that does best on the test.

    The hindsight can only favour the rung: who beats it beats them all. Chosen on validation it could be one that
    the test finds below guessing, and beating that proves nothing. Where there is none of its kind (nothing that is
    fitted could write, for no training example has an answer) it is the best of all.
    """
    goodness = METRICS[primary_metric].goodness
    alike = [rung for rung, _ in rungs if rung.needs_training == needs_training]
    return max(alike or [rung for rung, _ in rungs], key=lambda rung: goodness(rung.score))


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the verdict must know besides the scorecards."""

    openings: int
    findings: tuple[Finding, ...]
    """About the data."""
    shown: tuple[Finding, ...]
    """What the trainings showed."""
    advice: tuple[Advice, ...]
    shipped: Turn
    """The turn whose model is shipped; with several parts it is none of those that were scored."""
    is_first_look: bool = True
    """Whether this is the run's own test: then it is measured too what the model forgot, and a judge may be asked."""
    tell: Callable[[str], None] = lambda _: None
    """Says a line while it goes on."""

    @property
    def accepted(self) -> tuple[str, ...]:
        """Codes of the stop findings that were met and accepted."""
        stops = {one.code for one in (*self.findings, *self.shown) if one.severity == "stop"}
        return tuple(sorted(stops & set(self.shipped.recipe.accept)))

    @property
    def causes(self) -> tuple[Finding, ...]:
        """What may explain the verdict: notes about the data are left out."""
        return (*(one for one in self.findings if one.severity != "note"), *self.shown)


def judge_all(benches: tuple[Bench, ...], prepared: Prepared, opened: Opened, known: Circumstances) -> Verdict:
    """Scores candidates and rungs on the opened examples of their parts, keeps the predictions, judges, looks behind.

    What the parts say is pooled: each answer comes from a model that had not seen the example.
    """
    seen = _score(benches, prepared, opened, known)
    _keep(seen)
    verdict = judge(_judge_input(seen, prepared, known))
    opinion = ask_opinion(seen, known.tell) if known.is_first_look else ()
    verdict = dataclasses.replace(verdict, causes=(*verdict.causes, *opinion))
    verdict = look_behind(seen, verdict, measures_forgetting=known.is_first_look)
    if known.is_first_look:
        from sintonia.corridor.growing.bought import weigh_added_rows  # it compares finished runs, which imports this
        from sintonia.corridor.growing.teaching.weighing import weigh_against_teacher  # and so does this

        remembered = look_for_memory(benches, known.shipped, known.tell)
        verdict = dataclasses.replace(verdict, causes=(*verdict.causes, *remembered))
        weigh_added_rows(seen, prepared, verdict, known.tell)
        weigh_against_teacher(seen, prepared, verdict, known.tell)
    return verdict


def _score(benches: tuple[Bench, ...], prepared: Prepared, opened: Opened, known: Circumstances) -> Seen:
    examples = tuple(one for of_part in opened for one in of_part)
    scored = [bench.score(of_part) for bench, of_part in zip(benches, opened, strict=True)]
    primary, evaluation = prepared.primary_metric, known.shipped.recipe.evaluation
    is_read = reads_text(METRICS[primary], prepared.task)
    scored_by = TASKS[prepared.task].followed_metric(primary) if is_read else primary
    weighed = Side(
        tuned=pool_cards([card for card, _ in scored], examples),
        rungs=pool_rungs([ladder for _, ladder in scored], examples, scored_by),
        groups=tuple(one.group for one in examples),
    )
    compared = pick(weighed.rungs, primary, needs_training=False).name
    written = None if evaluation.decoding == "none" else write_answers(benches, opened, primary, compared)
    judged = _judged(weighed, written) if is_read else weighed
    return Seen(
        benches=benches,
        opened=opened,
        weighed=weighed,
        written=written,
        judged=judged,
        base_name=pick(judged.rungs, primary, needs_training=False).name,
        shipped=known.shipped,
    )


def _judge_input(seen: Seen, prepared: Prepared, known: Circumstances) -> JudgeInput:
    primary, evaluation, written = prepared.primary_metric, known.shipped.recipe.evaluation, seen.written
    reasons = invalid_reasons(seen.weighed.tuned, prepared.leaked, _validation(seen.benches))
    remarks = remarks_on(written, seen.base_name, evaluation, primary, len({one.id for one in seen.examples}))
    return JudgeInput(
        tuned=seen.weighed.tuned,
        rungs=seen.weighed.rungs,
        base_name=seen.base_name,
        best_rung_name=pick(seen.judged.rungs, primary, needs_training=True).name,
        groups=seen.weighed.groups,
        evaluation=evaluation,
        labels=prepared.labels,
        primary_metric=primary,
        openings=known.openings,
        metrics=metrics_of(prepared.task),
        invalid_reasons=reasons + (written.invalid_reasons(primary) if written else ()),
        accepted=known.accepted,
        causes=known.causes + _missing(seen),
        advice=known.advice,
        turn=known.shipped.number,
        doubts=_doubts(seen.benches, seen.opened),
        models=len(seen.benches),
        near_copies=frozenset(prepared.near_copies),
        is_plain_text=prepared.task == PRETRAIN,
        written=written.side if written else None,
        readable=written.readable(seen.base_name, evaluation) if written else None,
        remarks=(*_truncated(seen.benches, seen.opened), *remarks),
    )


def _missing(seen: Seen) -> tuple[Finding, ...]:
    """E308: rungs that could not be tried, in no part or not in all, and fitted ones that are not there."""
    names = partly_had([[one.name for one in bench.baselines] for bench in seen.benches])
    found = (partly_tried_note(names, len(seen.benches)),) if names else seen.benches[0].notes
    has_fitted = any(rung.needs_training for rung, _ in seen.judged.rungs)
    return found if has_fitted else (*found, no_fitted_note())


def _judged(weighed: Side, written: Written | None) -> Side:
    """The side that is judged where the verdict rests on texts.

    Raises:
        RunFailed: nothing could be written.
    """
    if written is None:
        raise RunFailed(
            f"none of {len(set(weighed.tuned.ids))} test examples has a prompt that is read as a whole",
            hint="raise `training.max_tokens`, or take `evaluation.primary_metric=bits_per_byte`",
        )
    return written.side


def _keep(seen: Seen) -> None:
    """Writes the scorecards of the test, and what base and tuned model answered to each of its examples."""
    run, folder = seen.benches[0].run, seen.benches[0].run.turn(seen.shipped.number)
    for kind, side in (("test", seen.weighed), ("written", seen.written.side if seen.written else None)):
        for name, card in side.by_name() if side else ():
            run.write(f"{folder}/scorecards/{kind}-{name.replace(' ', '-')}.json", card)
    base = seen.weighed.card(seen.base_name) or seen.weighed.rungs[0][1]
    rows = _rows(seen.examples, base, seen.weighed.tuned, seen.benches[0].ladder)
    if seen.written:
        rows = seen.written.told_in(rows, seen.base_name)
    if len(seen.benches) > 1:
        parts = zip(seen.benches, seen.opened, strict=True)
        names = (bench.best.part for bench, of_part in parts for _ in of_part)
        rows = [row | {"part": name} for row, name in zip(rows, names, strict=True)]
    write_lines(run.file(f"{folder}/predictions/test.jsonl"), rows)


def _truncated(benches: tuple[Bench, ...], opened: Opened) -> tuple[Finding, ...]:
    """E315 when too many test inputs are longer than what is read of them; an example counts once."""
    cut = {one for bench, held in zip(benches, opened, strict=True) for one in bench.ladder.cut(bench.ground, held)}
    num_examples = len({one.id for of_part in opened for one in of_part})
    return truncated(len(cut), num_examples, benches[0].max_tokens, benches[0].ladder.inputs)


def _doubts(benches: tuple[Bench, ...], opened: Opened) -> tuple[Finding, ...]:
    return prompt_doubts([one for bench, held in zip(benches, opened, strict=True) for one in bench.swap_prompts(held)])


def _validation(benches: tuple[Bench, ...]) -> Scorecard | None:
    """How the candidate did on validation; of ten parts none, for their sets come from the same rows."""
    best = benches[0].best
    path = f"{benches[0].run.turn(best.number)}/scorecards/validation.json"
    return benches[0].run.read(path, Scorecard) if len(benches) == 1 else None


def _rows(examples: tuple[Example, ...], base: Scorecard, tuned: Scorecard, ladder: Ladder) -> list[dict[str, Any]]:
    """What the base and the tuned model answered to each test example."""
    return [
        {
            "id": one.id,
            "input": one.input,
            "target": one.target,
            "base": ladder.answer(base, k),
            "tuned": ladder.answer(tuned, k),
            "loss": tuned.losses[k],
        }
        for k, one in enumerate(examples)
    ]

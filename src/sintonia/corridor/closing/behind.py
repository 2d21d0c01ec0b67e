"""What lies behind a verdict, told beside it: classes, calibration, slices, the examples, and what was forgotten.

It is looked at after the judging and changes no outcome. It opens no test.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from sintonia.corridor.closing.bench import Bench
from sintonia.corridor.closing.writing import Opened, Written
from sintonia.evaluate import Side, score_untempered
from sintonia.evaluate.forgetting import ForgettingInput, forgetting_finding, measure_forgetting, remedy_advice
from sintonia.evaluate.inspect import InspectInput, Library, find_errors, inspect, languages_note
from sintonia.models.once import frozen_features
from sintonia.prepare import language_of_each
from sintonia.records import Details, Example, Finding, Forgetting, Turn, Verdict
from sintonia.statistics.calibration import Temperature
from sintonia.tasks import TASKS

DETAILS = "details.json"
"""Its name in the folder of the turn that is shipped."""
MOST_DETECTED = 5_000
"""Test examples whose language is detected; of more it would take minutes."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the verdict was made from."""

    benches: tuple[Bench, ...]
    opened: Opened
    weighed: Side
    written: Written | None
    judged: Side
    """The side that the verdict is about."""
    base_name: str
    shipped: Turn

    @property
    def examples(self) -> tuple[Example, ...]:
        """The test examples in the order of the scorecards."""
        return tuple(one for of_part in self.opened for one in of_part)


def look_behind(seen: Seen, verdict: Verdict, *, measures_forgetting: bool) -> Verdict:
    """The verdict with what was found behind it as causes and advice; the details are kept beside the turn."""
    details, found = _inspect(seen, verdict)
    advice = verdict.advice
    if measures_forgetting:
        forgetting = _forgetting(seen)
        details = dataclasses.replace(details, forgetting=forgetting)
        found += tuple(one for one in [forgetting_finding(forgetting, _why_no_remedy(seen))] if one)
        advice += tuple(one for one in [remedy_advice(forgetting)] if one)
    run = seen.benches[0].run
    run.write(f"{run.turn(seen.shipped.number)}/{DETAILS}", details)
    return dataclasses.replace(verdict, causes=(*verdict.causes, *found), advice=advice)


def _inspect(seen: Seen, verdict: Verdict) -> tuple[Details, tuple[Finding, ...]]:
    side = seen.judged
    base = side.card(seen.base_name)
    if base is None:
        raise ValueError(f"no rung is called {seen.base_name}")
    is_alone, library = len(seen.benches) == 1, _library(seen)
    untempered, temperature = (
        score_untempered(seen.benches[0].weights, seen.examples)
        if is_alone and not side.tuned.num_bytes
        else (None, Temperature(value=None, num_examples=0) if is_alone else None)
    )
    num_examples = len(side.tuned.ids)
    is_detected = num_examples <= MOST_DETECTED
    details, found = inspect(
        InspectInput(
            tuned=side.tuned,
            base=base,
            examples=in_order(seen.examples, side.tuned.ids),
            library=library,
            primary_metric=verdict.primary.metric,
            temperature=temperature,
            untempered=untempered,
            is_better=verdict.outcome == "better",
            confidence=seen.shipped.recipe.evaluation.confidence,
            detect=language_of_each if is_detected else None,
            hides_values=seen.shipped.recipe.privacy.redact,
        )
    )
    return _with_texts(details, seen, library), found if is_detected else (*found, languages_note(num_examples))


def _with_texts(details: Details, seen: Seen, library: Library) -> Details:
    """With the answers that were written, where the scorecard that is judged holds none."""
    written = seen.written.side if seen.written else None
    base = written.card(seen.base_name) if written else None
    if details.errors or written is None or base is None:
        return details
    errors, counts = find_errors(base, written.tuned, in_order(seen.examples, written.tuned.ids), library)
    return dataclasses.replace(details, errors=errors, error_counts=counts)


def in_order(examples: Sequence[Example], ids: Sequence[str]) -> tuple[Example, ...]:
    """The examples with these ids, in their order."""
    by_id = {one.id: one for one in examples}
    return tuple(by_id[one] for one in ids)


def _library(seen: Seen) -> Library:
    """What the model learned from; with several parts all examples, each of which was learned in some part."""
    first = seen.benches[0]
    if len(seen.benches) > 1:
        return Library(examples=tuple({one.id: one for one in seen.examples}.values()))
    return Library(examples=first.train, features=_features(first))


def _features(bench: Bench) -> Callable[[Sequence[str]], Any] | None:
    """Frozen features of an encoder; texts of a language model are compared by their words."""
    if TASKS[bench.task].BASE != "encoder":
        return None
    return lambda texts: frozen_features(bench.run, bench.base, texts)


def _why_no_remedy(seen: Seen) -> str:
    if len(seen.benches) == 1:
        return ""
    return (
        "how far back to go was not looked for: the model saved learned from all rows, so that none is left to choose "
        "it on"
    )


def _forgetting(seen: Seen) -> Forgetting:
    """Of the model that is shipped; with several parts it learned from all rows: none is left to choose a remedy."""
    bench, turn = seen.benches[0], seen.shipped
    return measure_forgetting(
        bench.base,
        ForgettingInput(
            candidate=bench.run.file(turn.candidate.weights),
            prompts=seen.opened[0] if TASKS[bench.task].BASE == "language" else (),
            validation=bench.validation if len(seen.benches) == 1 else (),
            primary_metric=turn.primary_metric,
            learn=turn.recipe.chat.learn,
        ),
    )

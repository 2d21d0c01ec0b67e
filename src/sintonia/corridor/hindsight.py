"""What validation can tell of turns: how much the best of several flatters itself there, and which gain is too small
to be shown, so that a further turn is not worth its cost.

It reads turns and what is kept of them. It picks none, trains nothing and looks at no clock.
"""

from __future__ import annotations

import math

from sintonia.adjust import is_small_probe, next_changes
from sintonia.corridor.turns import best_turn, is_broken, read_sets, turns_of
from sintonia.evaluate.forgetting.remedy import Ruler
from sintonia.evaluate.units import unit_of
from sintonia.metrics import METRICS
from sintonia.records import Change, Part, Scorecard, SearchOutcome, Turn
from sintonia.runs import SEARCHED, RunFolder
from sintonia.statistics import selection_optimism

DISCORDANCE = 0.05
"""Share of examples on which two turns with neighbouring settings disagree, before a second one was taken (science.md
1.4, measured)."""


def flattery_in_words(run: RunFolder, turns: tuple[Turn, ...], parts: tuple[Part, ...]) -> str:
    """By how much the score on validation of the turn that was picked is too good, over parts on average.

    Empty where no part took a second turn that answers otherwise, or nothing is known of its answers.
    """
    found = [one for part in parts for one in [_flattery(run, turns_of(turns, part.name), part)] if one is not None]
    mean = sum(value for _, value in found) / len(found) if found else 0.0
    if not mean:
        return ""
    most, unit = max(count for count, _ in found), unit_of(METRICS[turns[0].primary_metric])
    return (
        f"the best of {most} {recipes_or_turns(run)} on validation looks too good there, by about {unit.size(mean)} "
        "if none is truly better: only the test tells"
    )


def recipes_or_turns(run: RunFolder) -> str:
    """What the best is one of: most of what a search tried did not become a turn."""
    return "recipes, those of the search among them," if run.file(SEARCHED).exists() else "turns"


def paired_error(run: RunFolder, turns: tuple[Turn, ...], part: Part) -> float | None:
    """Of the validation metric, between the best turn of a part and each other, on average; in scores.

    None where there is one turn, or nothing is known of the answers. Of equals it is zero.
    """
    whole = tuple(turn for turn in turns if not is_broken(turn))
    if len(whole) < 2:
        return None
    metric, best = METRICS[whole[0].primary_metric], best_turn(whole)
    groups = {one.id: one.group for one in read_sets(run, part)[1]}
    cards = {turn.number: run.read(f"{run.turn(turn.number)}/scorecards/validation.json", Scorecard) for turn in whole}
    of_best = cards[best.number]
    if of_best is None or not all(card and card.ids == of_best.ids and metric.answers(card) for card in cards.values()):
        return None
    ruler = Ruler(metric=metric, groups=[groups[one] for one in of_best.ids])
    counts = {number: metric.counts(card.targets, metric.answers(card)) for number, card in cards.items() if card}
    others = [number for number in counts if number != best.number]
    return sum(ruler.paired_error(counts[number], counts[best.number]) for number in others) / len(others)


def _flattery(run: RunFolder, turns: tuple[Turn, ...], part: Part) -> tuple[int, float] | None:
    """How many there were to pick from, and the optimism of the best, in scores; of equals it is zero."""
    searched, error = run.read(SEARCHED, SearchOutcome), paired_error(run, turns, part)
    num_whole = sum(not is_broken(turn) for turn in turns) + (searched.num_configurations - 1 if searched else 0)
    return None if error is None else (num_whole, selection_optimism(error, num_whole))


def is_worth_a_turn(run: RunFolder, change: Change, turns: tuple[Turn, ...], part: Part) -> bool:
    """Whether it may give more than validation can show: one paired standard error, as E38 counts a gain.

    Only a small probe of a healthy run is refused, and only where its gain was measured.
    """
    if not is_small_probe(change) or change.gain is None:
        return True
    error = shown_difference(run, turns, part)
    return error is None or expected_gain(change, best_turn(turns)) >= error


def expected_gain(change: Change, turn: Turn) -> float:
    """The median of what was measured, in scores of the turn that it starts from; 0 where nothing was."""
    if change.gain is None:
        return 0.0
    share = change.gain.median / 100
    return share if change.gain.unit == "points" else share * abs(turn.validation_metric)


def shown_difference(run: RunFolder, turns: tuple[Turn, ...], part: Part) -> float | None:
    """The paired standard error of two turns on this validation set, in scores: by those taken, else by its size.

    None where neither tells: of a score that is no share of right answers, before a second turn.
    """
    error = paired_error(run, turns, part)
    if error:
        return error
    metric, count = METRICS[turns[0].primary_metric], part.validation.count
    return math.sqrt(DISCORDANCE / count) if metric.unit == "points" and count else None


def why_nothing_is_left(run: RunFolder, turns: tuple[Turn, ...], parts: tuple[Part, ...]) -> str:
    """Why no part has a change that is worth a turn, in one line."""
    for part in parts:
        own = turns_of(turns, part.name)
        probe = next((one for one in next_changes(own) if is_small_probe(one)), None)
        if probe is not None and probe.gain is not None:
            return _not_worth_it(run, probe, own, part)
    best = best_turn(turns)
    metric = METRICS[best.primary_metric]
    if metric.higher_is_better and best.validation_metric >= 0.99 * metric.range[1]:
        return f"turn {best.number} gave {best.validation_metric:.3f} on validation, which leaves nothing to gain"
    if best.findings and not next_changes((best,)):
        codes = ", ".join(sorted({one.code for one in best.findings}))
        return f"no setting answers what the best turn shows ({codes})"
    return "every change of a setting that could help was tried"


def _not_worth_it(run: RunFolder, probe: Change, turns: tuple[Turn, ...], part: Part) -> str:
    best = best_turn(turns)
    unit, shown = unit_of(METRICS[best.primary_metric]), shown_difference(run, turns, part) or 0.0
    cases = probe.gain.num_cases if probe.gain else 0
    return (
        f"what is left is a small probe ({probe.setting}: {probe.before} -> {probe.after}), which gave "
        f"{unit.size(expected_gain(probe, best))} in the middle of {cases} measured cases, and "
        f"{part.validation.count:,} validation examples show nothing under about {unit.size(shown)}"
    )

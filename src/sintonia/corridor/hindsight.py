"""How much the best of several turns flatters itself on the validation set that it was picked on. It picks none."""

from __future__ import annotations

from sintonia.corridor.turns import best_turn, is_broken, read_sets, turns_of
from sintonia.evaluate.forgetting.remedy import Ruler
from sintonia.evaluate.units import unit_of
from sintonia.metrics import METRICS
from sintonia.records import Part, Scorecard, Turn
from sintonia.runs import RunFolder
from sintonia.statistics import selection_optimism


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
        f"the best of {most} turns on validation looks too good there, by about {unit.size(mean)} if none is truly "
        "better: only the test tells"
    )


def _flattery(run: RunFolder, turns: tuple[Turn, ...], part: Part) -> tuple[int, float] | None:
    """How many turns there are to pick from, and the optimism of the best, in scores; of equals it is zero."""
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
    errors = [ruler.paired_error(counts[number], counts[best.number]) for number in others]
    return len(whole), selection_optimism(sum(errors) / len(errors), len(whole))

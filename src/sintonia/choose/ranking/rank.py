"""Puts bases in order by what they showed, and says which differences are real (science.md 5).

Pure: measured scores in, a ranking out. It opens no model and reads no file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sintonia.choose.ranking.halving import Trial, standing
from sintonia.records import Example, Fertility, Fit, Ranked
from sintonia.statistics import cluster_bootstrap

LOWER_IS_BETTER = ("bits_per_byte", "few_shot_bits")
NUM_KEPT = 3
"""Bases that are trained a little, besides the embedded default (B-tuning takes as many)."""
CUT_FRACTION = 0.05
"""A base that cuts more of the texts is out where another reads them whole."""
_DRAWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one base showed on the examples."""

    scores: dict[str, float]
    outcomes: tuple[float, ...]
    """Of each example, more is better: 1 where the probe is right, or minus the bits of the answer."""
    weights: tuple[float, ...]
    """1 of each example, or the bytes of the answer."""
    num_cut: int = 0
    """Examples that are longer than the base reads."""
    forward_seconds: float = 0.0
    """Of one forward pass of one example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A base that was looked at: what it is and what it showed; `shown` is None for one that is out."""

    name: str
    licence: str = "unknown"
    num_parameters: int = 0
    max_tokens: int = 0
    seconds: float = 0.0
    shown: Shown | None = None
    fit: Fit | None = None
    fertility: Fertility | None = None
    why_out: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all bases were compared on."""

    examples: tuple[Example, ...]
    held: tuple[Example, ...] = ()
    """Those of them that short trainings were validated on."""
    default: str = ""
    """The embedded base of the task: the one to take where nothing speaks for another."""
    metric: str = ""
    """By which short trainings were compared."""
    trials: tuple[Trial, ...] = field(default=())


def without_cutters(entrants: Sequence[Entrant], num_examples: int, usual_tokens: int) -> tuple[Entrant, ...]:
    """Puts out a base that cuts many texts where another one, which reads more, is still in.

    `num_examples` are those that `num_cut` was counted among. `usual_tokens` is how much is read of an example anyway:
    what is cut there no base reads.
    """
    reads = {one.name: min(one.max_tokens, usual_tokens) for one in entrants if one.shown}
    longest, found = max(reads.values(), default=0), []
    for one in entrants:
        num_cut = one.shown.num_cut if one.shown else 0
        if one.shown and reads[one.name] < longest and num_cut > CUT_FRACTION * num_examples:
            share = f"{100 * num_cut / num_examples:.0f} % of the texts are longer"
            found.append(_out(one, f"it reads {one.max_tokens:,} tokens at most, and {share}"))
        else:
            found.append(one)
    return tuple(found)


def without_strangers(entrants: Sequence[Entrant], unknown_fraction: float) -> tuple[Entrant, ...]:
    """Puts out a base that does not know the signs of the texts, where another one does."""
    in_play = [one for one in entrants if one.shown]
    strange = [one for one in in_play if one.fertility and one.fertility.unknown_fraction >= unknown_fraction]
    if len(strange) == len(in_play):
        return tuple(entrants)
    names = {one.name for one in strange}
    return tuple(_out(one, one.fertility.remark) if one.fertility and one.name in names else one for one in entrants)


def _out(entrant: Entrant, why: str) -> Entrant:
    return dataclasses.replace(entrant, shown=None, why_out=why)


def mean_ranks(scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Of each base the mean of its ranks by each score, 1 the best; equal scores share a rank.

    >>> mean_ranks({"a": {"probe": 0.9, "log_me": 2.0}, "b": {"probe": 0.8, "log_me": 3.0}})
    {'a': 1.5, 'b': 1.5}
    """
    from scipy.stats import rankdata

    names = list(scores)
    if not names:
        return {}
    known = [one for one in scores[names[0]] if all(one in scores[name] for name in names)]
    signs = [1.0 if one in LOWER_IS_BETTER else -1.0 for one in known]
    table = [rankdata([sign * scores[name][one] for name in names]) for one, sign in zip(known, signs, strict=True)]
    return {name: float(np.mean([ranks[place] for ranks in table])) for place, name in enumerate(names)}


def by_scores(entrants: Sequence[Entrant]) -> list[str]:
    """The bases that are in, best first by their scores alone, the smaller of equals first."""
    shown = {one.name: one.shown for one in entrants if one.shown}
    means = mean_ranks({name: one.scores for name, one in shown.items()})
    sizes = {one.name: one.num_parameters for one in entrants}
    totals = {name: sum(one.outcomes) / max(sum(one.weights), 1e-12) for name, one in shown.items()}
    if any("bits_per_byte" in one.scores for one in shown.values()):
        bits = {name: float(np.mean(list(one.scores.values()))) for name, one in shown.items()}
        return sorted(shown, key=lambda name: (bits[name], sizes[name], name))
    return sorted(shown, key=lambda name: (means[name], -totals[name], sizes[name], name))


def shortlist(entrants: Sequence[Entrant], default: str) -> list[str]:
    """The best few by their scores, and the embedded default of the task where it is in."""
    order = by_scores(entrants)
    return [name for place, name in enumerate(order) if place < NUM_KEPT or name == default]


def ranked(entrants: Sequence[Entrant], ground: Ground) -> tuple[Ranked, ...]:
    """All bases, best first and those that are out last; `is_tied_with_first` says which differences are noise."""
    by_name = {one.name: one for one in entrants}
    means = mean_ranks({one.name: one.shown.scores for one in entrants if one.shown})
    order = standing(by_scores(entrants), ground.trials)
    lines = [
        dataclasses.replace(
            _line(by_name[name], ground),
            rank=place,
            mean_rank=means[name],
            is_tied_with_first=place > 1 and _is_tied(by_name[order[0]], by_name[name], ground),
        )
        for place, name in enumerate(order, 1)
    ]
    return (*lines, *(_line(one, ground) for one in entrants if not one.shown))


def _line(entrant: Entrant, ground: Ground) -> Ranked:
    """What is told of a base, without its place."""
    own = [one for one in ground.trials if one.base == entrant.name]
    measured = [one.metric for one in own if one.outcomes]
    scores = dict(entrant.shown.scores) if entrant.shown else {}
    if measured:
        scores["short_training"] = -measured[-1] if ground.metric in LOWER_IS_BETTER else measured[-1]
    return Ranked(
        base=entrant.name,
        rank=0,
        mean_rank=None,
        scores=scores,
        seconds=entrant.seconds + sum(one.seconds for one in own),
        fit=entrant.fit,
        fertility=entrant.fertility,
        why_out=entrant.why_out,
        num_parameters=entrant.num_parameters,
        licence=entrant.licence,
    )


def _is_tied(first: Entrant, other: Entrant, ground: Ground) -> bool:
    """Whether the first is no further ahead than one standard error of the paired difference.

    Compared is what was seen last of both: the last round of short trainings that both took, else the scores' own
    examples. Whole groups are drawn again.
    """
    rounds = {(one.base, one.round): one.outcomes for one in ground.trials if one.outcomes}
    common = [one for name, one in rounds if name == first.name and (other.name, one) in rounds]
    if any(trial.base == other.name and trial.why_broken for trial in ground.trials):
        return False
    if common:
        pair = (rounds[first.name, max(common)], rounds[other.name, max(common)])
        return _is_within_error(pair, [1.0] * len(pair[0]), ground.held)
    if first.shown is None or other.shown is None:
        return False
    return _is_within_error((first.shown.outcomes, other.shown.outcomes), first.shown.weights, ground.examples)


def _is_within_error(
    pair: tuple[Sequence[float], Sequence[float]], weights: Sequence[float], examples: Sequence[Example]
) -> bool:
    counts = np.column_stack([np.subtract(*pair), weights])
    groups = [one.group for one in examples]
    drawn = cluster_bootstrap(counts, groups, lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1e-12), draws=_DRAWS)
    return drawn.estimate <= drawn.standard_error()


def chosen_of(lines: Sequence[Ranked], entrants: Sequence[Entrant], default: str) -> tuple[str, tuple[str, ...]]:
    """The base to take, and why: the first, unless the default (or a smaller one) is as good within the error."""
    order = [one for one in lines if one.rank]
    if not order:
        return "", ()
    sizes = {one.name: one.num_parameters for one in entrants}
    tied = [one.base for one in order if one.rank == 1 or one.is_tied_with_first]
    if len(tied) == 1:
        behind = f"; `{order[1].base}` comes next, and the difference is larger than its error" if order[1:] else ""
        return tied[0], (f"`{tied[0]}` is the first of {len(order)}{behind}",)
    names = ", ".join(f"`{one}`" for one in tied)
    said = f"no real difference between {names}: the first is ahead by less than one standard error"
    if default in tied:
        return default, (said, f"`{default}` is taken, the embedded default")
    smallest = min(tied, key=lambda name: (sizes[name], tied.index(name)))
    return smallest, (said, f"`{smallest}` is taken, the smallest of them")

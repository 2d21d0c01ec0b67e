"""From the turns so far to the next recipes worth trying, best first (science.md 2.4).

One setting at a time, never a recipe that was tried. Pure: it asks for trainings, the pipeline runs them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sintonia.methods import METHODS
from sintonia.recipe import recipe_id
from sintonia.records import Change, Turn
from sintonia.settings import Recipe

LARGEST_EPOCHS = 10.0
ENOUGH_STEPS = 200
"""Optimizer steps that a small-data encoder needs at least (science.md 6.3)."""
NOTHING_LEFT = 0.99
"""A validation metric from which no setting is worth a turn."""
UNKNOWN = "not known before trying"


@dataclass(frozen=True, slots=True)
class _Idea:
    """One setting and its new value, before it is checked against what was tried."""

    setting: str
    after: Any
    reason: str
    expected: str
    time_factor: float | None = 1.0
    """Expected training time over that of the turn it starts from; None when it cannot be told."""


Remedy = Callable[[Turn], Iterator[_Idea]]


def next_changes(history: tuple[Turn, ...]) -> tuple[Change, ...]:
    """The changes worth trying now, best first; empty when nothing is.

    They start from the turn with the best validation metric (the earlier of equals), and answer its findings.
    """
    if not history:
        return ()
    anchor = max(history, key=lambda turn: (turn.validation_metric, -turn.number))
    tried = {turn.recipe_id for turn in history}
    changes: list[Change] = []
    for code, remedy in _remedies(anchor):
        for idea in remedy(anchor):
            change = _as_change(anchor, code, idea)
            identity = recipe_id(change.recipe)
            if identity not in tried and not any(_did(turn, idea, identity) for turn in history):
                tried.add(identity)
                changes.append(change)
    return tuple(changes)


def effective(turn: Turn, setting: str) -> Any:
    """The value that was used: the resolved one, else the recipe's; None when it is `auto` and unknown."""
    for one in turn.resolved:
        if one.setting == setting:
            return one.value
    value: Any = turn.recipe
    for name in setting.split("."):
        value = getattr(value, name)
    return None if value == "auto" else value


def _remedies(turn: Turn) -> Iterator[tuple[str, Remedy]]:
    """The remedies to go through, in order. What has to be answered first hides what follows from it."""
    codes = {finding.code for finding in turn.findings}
    basics = [(code, remedy) for code, remedy in BASICS.items() if code in codes]
    if basics:
        yield from basics
    elif codes & DATA_FIRST:
        return
    else:
        present = [(code, remedy) for code, remedy in REFINEMENTS.items() if code in codes]
        yield from present or [("", _small_probe)]


def _did(turn: Turn, idea: _Idea, identity: str) -> bool:
    """Whether a turn used this value already, only written otherwise (as `auto`)."""
    return bool(
        effective(turn, idea.setting) == idea.after
        and recipe_id(_with_setting(turn.recipe, idea.setting, idea.after)) == identity
    )


def _as_change(turn: Turn, code: str, idea: _Idea) -> Change:
    before = effective(turn, idea.setting)
    return Change(
        recipe=_with_setting(turn.recipe, idea.setting, idea.after),
        setting=idea.setting,
        before="auto" if before is None else _text(before),
        after=_text(idea.after),
        reason=idea.reason,
        expected=idea.expected,
        cost=_cost(turn, idea.time_factor),
        finding=code,
    )


def _with_setting(recipe: Recipe, setting: str, value: Any) -> Recipe:
    """The recipe with one value replaced; a new method brings its own learning rate and epochs."""
    block, dot, name = setting.rpartition(".")
    if setting == "method":
        own = dataclasses.replace(recipe.training, learning_rate="auto", epochs="auto")
        recipe = dataclasses.replace(recipe, training=own)
    if not dot:
        return dataclasses.replace(recipe, **{name: value})
    changed = dataclasses.replace(getattr(recipe, block), **{name: value})
    return dataclasses.replace(recipe, **{block: changed})


def _cost(turn: Turn, factor: float | None) -> str:
    minutes = turn.resources.seconds / 60
    if factor is None:
        return f"not known (turn {turn.number} took {_minutes(minutes)})"
    return f"about {_minutes(minutes * factor)} (turn {turn.number} took {_minutes(minutes)})"


def _minutes(minutes: float) -> str:
    return f"{minutes:.1f} minutes" if minutes < 10 else f"{minutes:.0f} minutes"


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _rounded(value: float) -> float:
    """Two digits: 1.67e-05 is 1.7e-05."""
    return float(f"{value:.2g}")


# ---------------------------------------------------------------- learning rate


def _raise_rate(turn: Turn) -> Iterator[_Idea]:
    rate, usual = effective(turn, "training.learning_rate"), METHODS[turn.recipe.method].learning_rate
    if rate is None:
        return
    expected = "the training loss should fall clearly; how far validation follows is " + UNKNOWN
    if rate < usual / 3:
        yield _Idea(
            "training.learning_rate",
            usual,
            f"{rate:g} is {usual / rate:.3g} times below the usual rate of method "
            f"{turn.recipe.method}, and the weights hardly moved",
            expected,
        )
    for factor in (3, 10):
        if rate * factor <= max(20 * usual, rate * 3):
            yield _Idea(
                "training.learning_rate",
                _rounded(rate * factor),
                f"the training examples were not learned at {rate:g}",
                expected,
            )


def _lower_rate(turn: Turn) -> Iterator[_Idea]:
    rate, usual = effective(turn, "training.learning_rate"), METHODS[turn.recipe.method].learning_rate
    if rate is None:
        return
    expected = "a smooth, falling training loss; the gain on validation is " + UNKNOWN
    if rate > 3 * usual:
        yield _Idea(
            "training.learning_rate",
            usual,
            f"{rate:g} is {rate / usual:.3g} times the usual rate of method {turn.recipe.method}, "
            "and training was unstable",
            expected,
        )
    for factor in (10, 3):
        yield _Idea("training.learning_rate", _rounded(rate / factor), f"training was unstable at {rate:g}", expected)


def _calm(turn: Turn) -> Iterator[_Idea]:
    """Unstable: a lower rate first, then warm-up, clipping, number format."""
    yield from _lower_rate(turn)
    training = turn.recipe.training
    expected = "fewer jumps of the loss; the gain on validation is " + UNKNOWN
    if training.warmup_fraction < 0.1:
        yield _Idea("training.warmup_fraction", 0.1, "large first steps can spoil the base", expected)
    if training.clip_norm > 1 or training.clip_norm == 0:
        yield _Idea("training.clip_norm", 1.0, "single gradients were far larger than the rest", expected)
    if effective(turn, "training.precision") == "bf16":
        yield _Idea("training.precision", "fp32", "16-bit numbers are coarse for small updates", expected, None)


# ---------------------------------------------------------------- steps


def _train_longer(turn: Turn) -> Iterator[_Idea]:
    epochs, num_steps = effective(turn, "training.epochs"), max(turn.candidate.planned_steps, 1)
    if epochs is None:
        return
    is_short = num_steps < ENOUGH_STEPS
    enough = min(epochs * ENOUGH_STEPS / num_steps, LARGEST_EPOCHS)
    after = max(epochs * 3, enough, 1.0) if is_short else max(epochs * 2, 1.0)
    yield _Idea(
        "training.epochs",
        _rounded(after),
        f"training ended after {num_steps} steps, before the model had learned what it could",
        "the loss was still falling, so it should end lower; by how much is " + UNKNOWN,
        after / epochs,
    )


def _train_shorter(turn: Turn) -> Iterator[_Idea]:
    epochs, best = effective(turn, "training.epochs"), turn.candidate.best_step
    total = effective_steps(turn)
    if epochs is not None and 0 < best < 0.95 * total:
        after = _rounded(epochs * best / total)
        yield _Idea(
            "training.epochs",
            after,
            f"validation was best at step {best} of {total}; after it the model only learned its examples by heart",
            "often a little better than stopping early there, because the learning rate ends at zero",
            after / epochs,
        )


def effective_steps(turn: Turn) -> int:
    """Optimizer steps that the epochs stand for; early stopping may have ended before them."""
    return turn.candidate.planned_steps


# ---------------------------------------------------------------- less overfitting, more capacity


def _train_gently(turn: Turn) -> Iterator[_Idea]:
    """Overfitting by time: shorter, then a smaller rate, then regularisation, then fewer weights."""
    yield from _train_shorter(turn)
    rate = effective(turn, "training.learning_rate")
    if rate is not None:
        yield _Idea(
            "training.learning_rate",
            _rounded(rate / 3),
            "smaller steps reach the same place more slowly and learn less by heart",
            "a small gain, or none",
        )
    yield from _regularise(turn)


def _regularise(turn: Turn) -> Iterator[_Idea]:
    training, expected = turn.recipe.training, "a small gain, or none"
    if turn.recipe.method != "head":
        yield _Idea(
            "method",
            "head",
            "with few examples, training only a new head on the frozen base often "
            "does as well and cannot learn as much by heart",
            "about the same metric, in less time",
            None,
        )
    if training.dropout < 0.1:
        yield _Idea("training.dropout", 0.1, "dropout makes learning by heart harder", expected)
    if training.weight_decay < 0.1:
        yield _Idea("training.weight_decay", 0.1, "weight decay keeps the model simpler", expected)


def _few_examples(turn: Turn) -> Iterator[_Idea]:
    """Overfitting by lack of data: no setting replaces examples; these are what a recipe can still do."""
    if turn.recipe.training.head_start == "random":
        yield _Idea(
            "training.head_start",
            "probe",
            "a head that starts fitted lets the base keep what it knows",
            "a small gain, or none; more examples would help more",
        )
    yield from _regularise(turn)


def _more_capacity(turn: Turn) -> Iterator[_Idea]:
    if turn.recipe.method == "head":
        yield _Idea(
            "method",
            "full",
            "a head alone could not fit the training examples; all weights can",
            "the training loss should fall clearly; how far validation follows is " + UNKNOWN,
            None,
        )
    yield from _raise_rate(turn)
    yield from _train_longer(turn)
    batch = effective(turn, "training.batch_examples")
    if batch is not None and batch >= 16:
        yield _Idea(
            "training.batch_examples", batch // 2, "smaller batches give more steps an epoch", "a small gain, or none"
        )


def _small_probe(turn: Turn) -> Iterator[_Idea]:
    """A healthy run: at most the learning rate, a step to each side."""
    rate = effective(turn, "training.learning_rate")
    if rate is None or turn.validation_metric >= NOTHING_LEFT:
        return
    for factor, side in ((2.0, "twice"), (0.5, "half")):
        yield _Idea(
            "training.learning_rate",
            _rounded(rate * factor),
            "nothing is wrong; the learning rate is the setting that most often still gives a "
            f"little, so {side} of it is worth one turn",
            "a small gain, or none",
        )


def _nothing(_turn: Turn) -> Iterator[_Idea]:
    """Right answers with too much confidence need no other training."""
    return iter(())


BASICS: dict[str, Remedy] = {
    "T201": _calm,
    "T204": _lower_rate,
    "T202": _raise_rate,
    "T203": _train_longer,
    "T206": _more_capacity,
    "T214": _raise_rate,
    "T213": _train_longer,
}
"""Whether the model learned its training examples at all comes before everything else."""
DATA_FIRST = frozenset({"T205", "T207", "T208"})
"""No setting answers these: look at the labels, or label more examples."""
REFINEMENTS: dict[str, Remedy] = {
    "T209": _train_gently,
    "T212": _train_longer,
    "T211": _few_examples,
    "T210": _nothing,
}

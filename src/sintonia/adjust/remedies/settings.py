"""The remedies: which settings answer a training finding, best first (science.md 2.4). They try nothing."""

from __future__ import annotations

from collections.abc import Iterator

from sintonia.adjust.remedies.ideas import (
    Idea,
    Remedy,
    effective,
    has_language_base,
    is_of_language,
    method_of,
    rounded,
    usual_rate,
)
from sintonia.methods import METHODS
from sintonia.records import Turn

LARGEST_EPOCHS = 10.0
ENOUGH_STEPS = 200
"""Optimizer steps that a small-data encoder needs at least (science.md 6.3)."""
RANKS = (4, 64)
"""Between these ranks of an adapter a change is proposed."""


def _raise_rate(turn: Turn) -> Iterator[Idea]:
    rate, usual = effective(turn, "training.learning_rate"), usual_rate(turn)
    if rate is None:
        return
    expected = "the training loss should fall clearly"
    if usual and rate < usual / 3:
        yield Idea(
            "training.learning_rate",
            usual,
            f"{rate:g} is {usual / rate:.3g} times below the usual rate of method "
            f"{method_of(turn)}, and the weights hardly moved",
            expected,
        )
    yield from _rate_of_the_base(turn, expected)
    for factor in (3, 10):
        if not usual or rate * factor <= max(20 * usual, rate * 3):
            yield Idea(
                "training.learning_rate",
                rounded(rate * factor),
                f"the training examples were not learned at {rate:g}",
                expected,
            )


def _lower_rate(turn: Turn) -> Iterator[Idea]:
    rate, usual = effective(turn, "training.learning_rate"), usual_rate(turn)
    if rate is None:
        return
    expected = "a smooth, falling training loss"
    if usual and rate > 3 * usual:
        yield Idea(
            "training.learning_rate",
            usual,
            f"{rate:g} is {rate / usual:.3g} times the usual rate of method {method_of(turn)}, "
            "and training was unstable",
            expected,
        )
    yield from _rate_of_the_base(turn, expected)
    for factor in (10, 3):
        yield Idea("training.learning_rate", rounded(rate / factor), f"training was unstable at {rate:g}", expected)


def _rate_of_the_base(turn: Turn, expected: str) -> Iterator[Idea]:
    """Of a language model, back to the rate that its width asks for, when another was typed."""
    asked = turn.recipe.training.learning_rate
    if has_language_base(turn) and asked != "auto":
        yield Idea("training.learning_rate", "auto", f"{asked:g} is not the rate that goes with this base", expected)


def _calm(turn: Turn) -> Iterator[Idea]:
    """Unstable: a lower rate first, then warm-up, clipping, number format."""
    yield from _lower_rate(turn)
    training = turn.recipe.training
    expected = "fewer jumps of the loss"
    if training.warmup_fraction < 0.1:
        yield Idea("training.warmup_fraction", 0.1, "large first steps can spoil the base", expected)
    if training.clip_norm > 1 or training.clip_norm == 0:
        yield Idea("training.clip_norm", 1.0, "single gradients were far larger than the rest", expected)
    if effective(turn, "training.precision") == "bf16":
        yield Idea("training.precision", "fp32", "16-bit numbers are coarse for small updates", expected, None)


def _train_longer(turn: Turn) -> Iterator[Idea]:
    epochs, num_steps = effective(turn, "training.epochs"), max(turn.candidate.planned_steps, 1)
    if epochs is None:
        return
    is_short = num_steps < ENOUGH_STEPS
    enough = min(epochs * ENOUGH_STEPS / num_steps, LARGEST_EPOCHS)
    after = max(epochs * 3, enough, 1.0) if is_short else max(epochs * 2, 1.0)
    yield Idea(
        "training.epochs",
        rounded(after),
        f"training ended after {num_steps} steps, before the model had learned what it could",
        "the loss was still falling, so it should end lower",
        after / epochs,
    )


def _train_shorter(turn: Turn) -> Iterator[Idea]:
    epochs, best = effective(turn, "training.epochs"), turn.candidate.best_step
    total = _planned_steps(turn)
    if epochs is not None and 0 < best < 0.95 * total:
        after = rounded(epochs * best / total)
        yield Idea(
            "training.epochs",
            after,
            f"validation was best at step {best} of {total}; after it the model only learned its examples by heart",
            "often a little better than stopping early there, because the learning rate ends at zero",
            after / epochs,
        )


def _planned_steps(turn: Turn) -> int:
    """Optimizer steps that the epochs stand for; early stopping may have ended before them."""
    return turn.candidate.planned_steps


def _train_gently(turn: Turn) -> Iterator[Idea]:
    """Overfitting by time: shorter, then a smaller rate, then regularisation, then fewer weights."""
    yield from _train_shorter(turn)
    rate = effective(turn, "training.learning_rate")
    if rate is not None:
        yield Idea(
            "training.learning_rate",
            rounded(rate / 3),
            "smaller steps reach the same place more slowly and learn less by heart",
            "a small gain, or none",
        )
    yield from _regularise(turn)


def _regularise(turn: Turn) -> Iterator[Idea]:
    """Fewer weights, or harder to learn by heart. A head alone has no activations to drop."""
    method, expected = method_of(turn), "a small gain, or none"
    if METHODS[method].has_adapters:
        yield from _smaller_adapters(turn)
    elif has_language_base(turn) and method == "full":
        yield Idea(
            "method",
            "lora",
            "with few examples, small matrices beside the frozen weights learn less by heart",
            "about the same metric, with less memory",
            None,
        )
    if method != "head" and not is_of_language(turn) and turn.recipe.training.head_start != "probe":
        yield Idea(
            "method",  # where the head starts as a probe, step 0 was that model, and is on the curve
            "head",
            "training only a new head on the frozen base cannot learn as much by heart",
            "about the same metric, in less time",
            None,
        )
    dropout = effective(turn, "training.dropout")
    has_dropout = method == "full" and not has_language_base(turn)  # language models have none of their own
    if has_dropout and dropout is not None and dropout < 0.1:
        yield Idea("training.dropout", 0.1, "dropout makes learning by heart harder", expected)
    decay = effective(turn, "training.weight_decay")
    if decay is not None and decay < 0.1:
        yield Idea("training.weight_decay", 0.1, "weight decay keeps the model simpler", expected)


def _smaller_adapters(turn: Turn) -> Iterator[Idea]:
    lora = turn.recipe.lora
    if lora.rank > RANKS[0]:
        yield Idea(
            "lora.rank",
            max(lora.rank // 4, RANKS[0]),
            "smaller adapters cannot learn as much by heart",
            "about the same metric; a small gain, or none",
        )
    if lora.dropout < 0.05:
        yield Idea("lora.dropout", 0.05, "dropout makes learning by heart harder", "a small gain, or none")


def _few_examples(turn: Turn) -> Iterator[Idea]:
    """Overfitting by lack of data: no setting replaces examples, and of a classifier none was seen to help (E38)."""
    if is_of_language(turn):
        yield from _regularise(turn)
    elif turn.recipe.training.head_start == "random":
        yield Idea(
            "training.head_start",
            "probe",
            "a head that starts fitted lets the base keep what it knows",
            "a small gain, or none; more examples would help more",
        )


def _more_capacity(turn: Turn) -> Iterator[Idea]:
    """More weights that train: none of these multiplies the memory, as going from adapters to all weights would."""
    expected = "the training loss should fall clearly"
    lora = turn.recipe.lora
    if method_of(turn) == "head":
        yield Idea(
            "method", "full", "a head alone could not fit the training examples; all weights can", expected, None
        )
    if turn.recipe.training.frozen_layers:
        yield Idea("training.frozen_layers", 0, "the frozen layers could not follow the examples", expected, None)
    if METHODS[method_of(turn)].has_adapters:
        if lora.layers != "all":
            yield Idea("lora.layers", "all", "adapters on some layers could not fit the examples", expected, None)
        if lora.rank < RANKS[1]:
            yield Idea("lora.rank", min(lora.rank * 4, RANKS[1]), "larger adapters can learn more", expected)
    yield from _raise_rate(turn)
    yield from _train_longer(turn)
    batch = effective(turn, "training.batch_examples")
    if batch is not None and batch >= 16:
        yield Idea(
            "training.batch_examples", batch // 2, "smaller batches give more steps an epoch", "a small gain, or none"
        )


def small_probe(turn: Turn) -> Iterator[Idea]:
    """A healthy run: at most the learning rate, a step to each side."""
    rate = effective(turn, "training.learning_rate")
    if rate is None:
        return
    for factor, side in ((2.0, "twice"), (0.5, "half")):
        yield Idea(
            "training.learning_rate",
            rounded(rate * factor),
            "nothing is wrong; the learning rate is the setting that most often still gives a "
            f"little, so {side} of it is worth one turn",
            "a small gain, or none",
        )


def _nothing(_turn: Turn) -> Iterator[Idea]:
    """Right answers with too much confidence need no other training."""
    return iter(())


BASICS: dict[str, Remedy] = {
    "T201": _calm,
    "T215": _calm,
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

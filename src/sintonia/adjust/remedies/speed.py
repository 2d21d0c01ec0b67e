"""The offer to train the upper half of the layers only: quicker, at a price in quality that only a turn can measure.

How much quicker rests on what the turn that it starts from measured of itself. It tries nothing and chooses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from sintonia.adjust.remedies.ideas import Idea, effective, method_of
from sintonia.methods import METHODS
from sintonia.records import LayerWork, Turn

WORTHWHILE = 0.9
"""Share of the training time from which nothing is offered: loading and chance are as large."""


def train_upper_layers(turn: Turn) -> Iterator[Idea]:
    """Where all layers were trained, and were measured: their upper half, keeping what the lower one computes."""
    work, method = turn.layers, METHODS[method_of(turn)]
    if work is None or work.num_layers < 2 or not method.trains_encoder or _has_frozen(turn):
        return
    upper, keeps = work.num_layers - work.num_layers // 2, _keeps(turn, work)
    factor = time_factor(work, turn.resources.seconds, upper / work.num_layers, keeps_states=keeps)
    if factor > WORTHWHILE:
        return
    setting, value = ("lora.layers", upper) if method.has_adapters else ("training.frozen_layers", work.num_layers // 2)
    yield Idea(
        setting,
        value,
        f"for speed, not for quality: nothing is wrong, and training the upper {upper} of {work.num_layers} layers "
        f"only is quicker; {_what_is_saved(turn, work, keeps_states=keeps)}",
        f"about {factor:.0%} of the training time of turn {turn.number}, by what that measured "
        f"({work.step_seconds:.3g} s of steps, of which {work.forward_fraction:.0%} forward, and "
        f"{work.validation_seconds:.3g} s of validations); "
        "validation may get worse, and is set beside the seconds afterwards",
        factor,
        aim="speed",
        disk_bytes=work.kept_bytes if keeps else 0,
    )


def time_factor(work: LayerWork, seconds: float, upper: float, *, keeps_states: bool) -> float:
    """The training time over `seconds`, when only the share `upper` of the layers trains (performance.md 2.5 c).

    A step then goes back through the upper layers only, and forward through them only from what is kept, which one
    forward pass over everything computes first. What is neither step nor validation takes as long as before; the output
    layer is counted with the layers, so a vocabulary that is large for the model makes this a little too low.
    """
    forward = work.step_seconds * work.forward_fraction
    backward, lower = work.step_seconds - forward, 1 - upper
    rest = max(seconds - work.step_seconds - work.validation_seconds, 0.0)
    steps, validations = forward + upper * backward, work.validation_seconds
    if keeps_states:
        steps = upper * work.step_seconds + lower * forward / max(work.num_epochs, 1e-9)
        if work.keeps_validation:
            validations *= upper + lower / max(work.num_validations, 1)
    return (rest + steps + validations) / max(seconds, 1e-9)


def _has_frozen(turn: Turn) -> bool:
    if METHODS[method_of(turn)].has_adapters:
        return bool(effective(turn, "lora.layers") != "all")
    return turn.recipe.training.frozen_layers > 0


def _keeps(turn: Turn, work: LayerWork) -> bool:
    """Whether the states would be kept: as asked, or by itself from the second epoch on."""
    asked = turn.recipe.training.cache
    return bool(work.kept_bytes and asked != "off" and (asked == "on" or _epochs(turn, work) > 1))


def _epochs(turn: Turn, work: LayerWork) -> float:
    planned = effective(turn, "training.epochs")
    return work.num_epochs if planned is None else float(planned)


def _what_is_saved(turn: Turn, work: LayerWork, *, keeps_states: bool) -> str:
    epochs = _epochs(turn, work)
    if keeps_states and epochs > 1:
        return (
            "what the lower ones compute is the same each time, so it is computed once, kept on disk and read again in "
            f"each of the {epochs:g} epochs"
        )
    if epochs <= 1:
        return (
            "in one epoch each example is read once, so keeping what the lower ones compute saves nothing, only "
            "their backward pass is left out"
        )
    why = "`training.cache` is off" if turn.recipe.training.cache == "off" else "with this base it cannot be"
    return f"only the backward pass of the lower ones is left out: what they compute is not kept ({why})"

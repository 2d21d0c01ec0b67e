"""The state of a loop as a checkpoint, and back: all that is needed to go on as if nothing had happened.

How a checkpoint lies on disk is `checkpoint.py`.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sintonia.errors import RunFailed, StorageError
from sintonia.files import from_json, to_json, write_lines
from sintonia.methods import METHODS
from sintonia.records import Evaluation, Event, Example
from sintonia.settings import DataSettings, Recipe
from sintonia.tasks import TASKS
from sintonia.train.checkpoint import Saved, load_checkpoint, refuse_full_disk, save_checkpoint
from sintonia.train.spikes import SpikeWatch

if TYPE_CHECKING:
    from sintonia.train.loop import Loop

_KEPT = "kept-"
_OF = "|"
_MAY_CHANGE = (
    "budget_seconds",
    "tracking",
    *(f"data.{name}" for name in ("path", "test", "validation", "production")),
    *(f"prices.{name}" for name in ("kwh", "gpu_hour", "currency")),
    *(f"training.{name}" for name in ("micro_tokens", "checkpointing")),
)
"""Settings that say how something is computed or where it lies, not what: they may differ after an interruption."""
_JUDGED_BY = "evaluation."
_FOLLOWED = "evaluation.primary_metric"
"""All else of `evaluation` says how the result is judged, after training; this one decides which weights are best."""
_SETTING = "setting `{}`"


def save_snapshot(loop: Loop) -> str:
    """Writes a checkpoint of this step; its name.

    Raises:
        StorageError: it cannot be written; older checkpoints stay whole.
        RunFailed: a weight is not a finite number.
    """
    moments: dict[str, Tensor] = {}
    for name, parameter in loop.learner.parameters.items():
        moments |= {f"{name}{_OF}{key}": value for key, value in loop.optimizer.state.get(parameter, {}).items()}
    state = {
        "step": loop.step,
        "evaluations": to_json(loop.evaluations),
        "kept": sorted(loop.kept),
        "norms": loop.norms,
        "stop_reason": loop.stop_reason,
        "micro_tokens": loop.learner.micro_tokens,
        "num_threads": torch.get_num_threads(),
        "seconds": time.monotonic() - loop.started,
        "torch": torch.__version__,
        "machine": platform.machine(),
        "origin": _origin(loop),
        "spikes": loop.spikes.state(),
        "rolled_back_to": loop.rolled_back_to,
        "is_kept": loop.learner.is_kept,
        "learner": loop.learner.state(),
        "validation_seconds": loop.pace.validation_seconds,
    }
    # The weights of this very step, when they are kept, are those that are saved anyway.
    kept = {f"{_KEPT}{step:06d}": weights for step, weights in loop.kept.items() if step != loop.step}
    tensors = {"weights": loop.learner.weights(), "optimizer": moments, **kept}
    _refuse_broken(loop, tensors)
    folder = loop.job.run.file(loop.job.file("checkpoints"))
    return save_checkpoint(folder, loop.step, Saved({**tensors, "random": random_state()}, state)).name


def restore(loop: Loop) -> Iterator[Event]:
    """Goes back to the newest whole checkpoint of this turn, if there is one.

    Raises:
        StorageError: the recipe, the examples or the base are not those of the checkpoint, or it cannot be read.
    """
    folder, path = (loop.job.run.file(loop.job.file(name)) for name in ("checkpoints", "evaluations.jsonl"))
    saved, problems = load_checkpoint(folder)
    for problem in problems:
        yield loop.event("message", text=problem)
    if saved is None:
        if path.exists():
            write_lines(path, [])
        return
    state = saved.state
    _refuse_changes(state["origin"], _origin(loop))
    write_lines(path, state["evaluations"])
    torch.set_num_threads(int(state["num_threads"]))
    loop.step, loop.norms, loop.stop_reason = state["step"], state["norms"], state["stop_reason"]
    loop.spikes = SpikeWatch.from_state(state["spikes"])
    loop.rolled_back_to = state["rolled_back_to"]
    if state["validation_seconds"]:
        loop.pace.validated(state["validation_seconds"])
    loop.evaluations = [from_json(Evaluation, line) for line in state["evaluations"]]
    now = {name: value.clone() for name, value in saved.tensors["weights"].items()}
    loop.kept = {step: saved.tensors.get(f"{_KEPT}{step:06d}", now) for step in state["kept"]}
    loop.learner.load(saved.tensors["weights"])
    loop.learner.take_state(state.get("learner"))
    _restore_moments(loop, saved.tensors["optimizer"])
    loop.started -= float(state["seconds"])
    set_random_state(saved.tensors["random"])
    asked, before = loop.learner.micro_tokens, int(state["micro_tokens"])
    loop.learner.micro_tokens = min(asked, before)
    yield loop.event("resumed", total_steps=loop.total_steps)
    if asked != before:
        yield loop.event("message", text=_other_size(asked, before))
    if state["is_kept"] != loop.learner.is_kept:
        yield loop.event("message", text="states of frozen layers are not kept as before: not bit-identical")
    if (state["torch"], state["machine"]) != (torch.__version__, platform.machine()):
        yield loop.event("message", text="another torch or processor than before: the end will not be bit-identical")


def random_state() -> dict[str, Tensor]:
    """The generators that training draws from, of the processor and of each GPU in use."""
    found = {"torch": torch.get_rng_state()}
    if torch.cuda.is_initialized():
        found |= {f"cuda-{k}": value for k, value in enumerate(torch.cuda.get_rng_state_all())}
    return found


def set_random_state(states: dict[str, Tensor]) -> None:
    """Goes back to what `random_state` gave; GPUs that are not here are passed over."""
    torch.set_rng_state(states["torch"])
    for k in range(torch.cuda.device_count()):
        if f"cuda-{k}" in states:
            torch.cuda.set_rng_state(states[f"cuda-{k}"], k)


def checkpoint_bytes(loop: Loop) -> int:
    """How large a checkpoint of this training becomes: the weights that train, two moments, and the kept copies."""
    weights = sum(value.nbytes for value in loop.learner.parameters.values())
    kept = 4 if loop.job.recipe.training.averaging else 2
    if not loop.is_watched:
        kept = 0
    elif loop.job.recipe.training.checkpoint_steps == "validation":
        kept -= 1  # the newest of them is the step that is saved
    return (3 + kept) * weights


def refuse_small_disk(loop: Loop) -> None:
    """Stops before training when its checkpoints and its model would not fit on the disk.

    Raises:
        StorageError: what is needed and what is free.
    """
    job = loop.job
    is_whole = TASKS[job.recipe.task].BASE != "language" or not METHODS[job.recipe.method].has_adapters
    model = 4 * job.base.num_parameters if is_whole else sum(one.nbytes for one in loop.learner.parameters.values())
    refuse_full_disk(job.run.file(job.file("checkpoints")), checkpoint_bytes(loop), model)


def _restore_moments(loop: Loop, moments: dict[str, Tensor]) -> None:
    for name, parameter in loop.learner.parameters.items():
        found = {key.partition(_OF)[2]: value for key, value in moments.items() if key.partition(_OF)[0] == name}
        if found:
            loop.optimizer.state[parameter] = found


def _refuse_broken(loop: Loop, groups: dict[str, dict[str, Tensor]]) -> None:
    """An update can leave what is not a number behind although loss and gradients were."""
    for group in groups.values():
        for name, value in group.items():
            if not bool(torch.isfinite(value).all()):
                raise RunFailed(
                    f"after step {loop.step} `{name}` holds values that are not finite numbers; no checkpoint of it "
                    "was saved",
                    hint=f"lower `training.learning_rate` (now {loop.job.recipe.training.learning_rate})",
                )


def _origin(loop: Loop) -> dict[str, Any]:
    """What a training comes from; with anything else it would be another training."""
    job = loop.job
    recipe = {name: value for name, value in _flat(to_json(job.recipe)) if _is_of_training(name)}
    return {
        **{_SETTING.format(name): value for name, value in recipe.items()},
        "base": job.base.reference,
        "weights of the base (sha256)": job.base.revision,
        "training set": _set_id(job.train),
        "validation set": _set_id(job.validation),
        "labels": list(job.labels),
        "tokens of the examples": loop.learner.tokens_id,
    }


def _is_of_training(name: str) -> bool:
    return name not in _MAY_CHANGE and (name == _FOLLOWED or not name.startswith(_JUDGED_BY))


def _flat(body: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _set_id(examples: Sequence[Example]) -> str:
    digest = hashlib.sha256()
    for one in examples:
        digest.update(json.dumps([one.id, one.input, one.target, one.content]).encode())
    return f"{len(examples)} examples, id {digest.hexdigest()[:16]}"


def _refuse_changes(before: dict[str, Any], now: dict[str, Any]) -> None:
    """A setting that one side does not know is at its default there: it was added, or taken out, between the two."""
    usual = to_json(Recipe(data=DataSettings(path="")))
    defaults = {_SETTING.format(name): value for name, value in _flat(usual) if name not in _MAY_CHANGE}
    judged, followed = f"setting `{_JUDGED_BY}", _SETTING.format(_FOLLOWED)
    names = [
        name
        for name in {**before, **now}
        if (name == followed or not name.startswith(judged))
        and before.get(name, defaults.get(name)) != now.get(name, defaults.get(name))
    ]
    if names:
        changes = "; ".join(f"{name} was {before.get(name)}, now {now.get(name)}" for name in names)
        raise StorageError(
            f"the checkpoint is of another training: {changes}", hint="undo the change, or begin a new run"
        )


def _other_size(asked: int, before: int) -> str:
    return (
        f"micro-batches of at most {min(asked, before)} tokens: the checkpoint says {before}, the recipe {asked} "
        "(the batch behind a step stays; results differ by rounding)"
        if asked < before
        else f"micro-batches of at most {before} tokens as before the interruption, not the {asked} of the recipe"
    )

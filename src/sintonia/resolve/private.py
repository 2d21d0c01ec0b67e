"""What `auto` means, and what is left out or refused, where a training is differentially private. It computes nothing.

What would look at training rows without noise is taken otherwise, and told with its reason; what was asked for and
cannot be private is refused.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from sintonia.errors import UsageError
from sintonia.settings import DpSettings, Recipe, TrainingSettings
from sintonia.tasks import TASKS

LEARNS = {"classify": ("head", "lora", "full"), "chat": ("lora", "full")}
"""What can be learned privately, and how."""
_STEPS, _LEAST_BATCH, _MOST_BATCH = 20, 16, 2048
_EPOCHS = {"head": 40, "lora": 10, "full": 10}
_CHAT_EPOCHS = 5
_RATES = {"head": 3e-2, "lora": 2e-3, "full": 5e-4}
_FROM = "privacy.dp: large batches drown the noise (Li et al. 2022)"
Found = dict[str, tuple[Any, str]]


def is_private(recipe: Recipe) -> bool:
    """Whether a recipe asks for differential privacy."""
    return recipe.privacy.dp.epsilon is not None


def refuse_not_private(settled: Recipe) -> None:
    """Refuses what a private training cannot do, or what has no effect without one. The task and method are named.

    Raises:
        UsageError: all of it, in one message.
    """
    asked, training = settled.privacy.dp, settled.training
    if asked.epsilon is None:
        if asked != DpSettings():
            raise UsageError(
                "the settings of `privacy.dp` have no effect without a budget",
                hint="set `privacy.dp.epsilon` (to 8?)",
            )
        return
    from sintonia.privacy.dp.accountant import refuse_without_opacus  # late: nobody else waits for it

    refuse_without_opacus()
    methods = LEARNS.get(settled.task, ())
    if settled.method not in methods:
        can = "; ".join(f"{task} by {', '.join(known)}" for task, known in LEARNS.items())
        raise UsageError(
            f"`{settled.task}` by `{settled.method}` cannot be learned with differential privacy",
            expected=can,
            hint=f"take `--method {methods[0]}`" if methods else "leave `privacy.dp` out",
        )
    problems = {
        "`training.class_weights=balanced` counts the labels of the training rows without noise": (
            training.class_weights != "none"
        ),
        "`adjusting.search` trains on the same rows again and again, and each training spends": (
            settled.adjusting.search > 0
        ),
        "`training.clip_norm` has no effect: `privacy.dp.clip_norm` cuts the gradient of each row": (
            training.clip_norm != TrainingSettings().clip_norm
        ),
        "`privacy.dp.unit=group` needs to know whose rows they are: `data.group` names the column": (
            asked.unit == "group" and settled.data.group is None
        ),
        "`training.patience` has no effect: the steps are planned beforehand": (
            training.patience != TrainingSettings().patience
        ),
    }
    found = [what for what, is_so in problems.items() if is_so]
    if found:
        raise UsageError("with `privacy.dp`: " + "; ".join(found), hint="leave it out, or train without `privacy.dp`")


def refuse_parts(recipe: Recipe, num_parts: int) -> None:
    """Refuses few rows, of which each would be learned in several parts.

    Raises:
        UsageError: there are parts.
    """
    if is_private(recipe) and num_parts > 1:
        raise UsageError(
            f"few rows are trained on in {num_parts} parts, and each training would spend of the privacy of every row",
            expected="300 rows or more, or a test and a validation file of your own",
            hint="add rows, or name files with `data.test` and `data.validation`",
        )


def private_training(recipe: Recipe, num_train: int) -> Found:
    """What `auto` takes, and what is set whatever was asked for, by the names of settings of `training`."""
    if not is_private(recipe):
        return {}
    batch = min(max(num_train // _STEPS, _LEAST_BATCH), _MOST_BATCH, max(1, num_train))
    is_chat = TASKS[recipe.task].BASE == "language"
    epochs = _CHAT_EPOCHS if is_chat else _EPOCHS[recipe.method]
    open_values: Found = {
        "batch_examples": (batch, f"a twentieth of {num_train} training examples, {_FROM}"),
        "epochs": (epochs, f"method {recipe.method} with noise"),
        "learning_rate": (_RATES[recipe.method], f"method {recipe.method} with noise, larger steps (Li et al. 2022)"),
        "weight_decay": (0.0, "privacy.dp: noise is enough"),
        "dropout": (0.0, "privacy.dp: noise is enough"),
    }
    found = {name: pair for name, pair in open_values.items() if getattr(recipe.training, name) == "auto"}
    found["early_stopping"] = (False, "privacy.dp: it looks at training losses, and the steps are planned beforehand")
    found["loss_spikes"] = ("note", "privacy.dp: what training losses show decides nothing")
    found["clip_norm"] = (0.0, "privacy.dp.clip_norm cuts the gradient of each row instead")
    if not is_chat:
        found["head_start"] = ("random", "privacy.dp: a probe would be fitted to the training rows without noise")
    return found


def private_delta(recipe: Recipe, num_train: int) -> DpSettings:
    """The settings of privacy with the delta of rows filled; that of groups is told when they are counted."""
    asked = recipe.privacy.dp
    if asked.epsilon is None or asked.delta != "auto" or asked.unit != "row":
        return asked
    return dataclasses.replace(asked, delta=1.0 / (10 * num_train))

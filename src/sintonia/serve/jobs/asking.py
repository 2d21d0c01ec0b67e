"""The body that asks for a job, and the recipe it stands for. It reads no file.

What in a recipe names a path, runs code or connects somewhere cannot be asked for: the settings that can are listed
here. `learning_rate_multiplier` becomes `training.learning_rate_multiplier`, which `resolve` multiplies the rate with
that `auto` takes; `n_epochs: auto` is our own rule (about 150 steps), not OpenAI's.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from sintonia.errors import UsageError, nearest
from sintonia.recipe import check_values, make_recipe, put, setting_names
from sintonia.serve.refusals import Refused, refusal_of, shown
from sintonia.settings import Recipe

Metadata = dict[
    Annotated[str, Field(min_length=1, max_length=64)], Annotated[str, Field(max_length=512)]
]  # OpenAI's limits
_BLOCKS = ("training", "lora", "classify", "prefer", "embed")
_STARTS = (*(f"{block}." for block in _BLOCKS), "privacy.dp.")
_SINGLE = (
    "task",
    "method",
    "accept",
    "budget_seconds",
    "chat.learn",
    "data.columns",
    "data.group",
    "data.time",
    "data.language",
    "data.licence",
    "evaluation.primary_metric",
    "evaluation.margin",
    "evaluation.confidence",
    "evaluation.decoding",
    "evaluation.new_tokens",
    "adjusting.turns",
    "adjusting.search",
    "privacy.redact",
)
_MEANS = {
    "n_epochs": "training.epochs",
    "batch_size": "training.batch_examples",
    "learning_rate_multiplier": "training.learning_rate_multiplier",
    "beta": "prefer.beta",
}
"""The setting that each hyperparameter is."""


class _Strict(BaseModel, extra="forbid"):
    """What has no key but its own."""


class Hyperparameters(_Strict):
    """Of the method `supervised`; `auto` leaves each to the recipe's own rule."""

    batch_size: Literal["auto"] | Annotated[int, Field(ge=1, le=256, strict=True)] | None = "auto"
    learning_rate_multiplier: (
        Literal["auto"] | Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False, strict=True)] | None
    ) = "auto"
    n_epochs: Literal["auto"] | Annotated[int, Field(ge=1, le=50, strict=True)] | None = "auto"


class PreferenceHyperparameters(Hyperparameters):
    """Of the method `dpo`."""

    beta: Literal["auto"] | Annotated[float, Field(gt=0, le=2, allow_inf_nan=False, strict=True)] | None = "auto"


class Supervised(_Strict):
    """Learning from answers."""

    hyperparameters: Hyperparameters | None = None


class Preference(_Strict):
    """Learning from pairs of answers."""

    hyperparameters: PreferenceHyperparameters | None = None


class Method(_Strict):
    """What is learned from."""

    type: Literal["supervised", "dpo"]
    supervised: Supervised | None = None
    dpo: Preference | None = None


class Asked(_Strict):
    """The body of `POST /v1/fine_tuning/jobs`."""

    model: Annotated[str, Field(min_length=1, max_length=512)]
    training_file: Annotated[str, Field(max_length=512)]
    validation_file: Annotated[str, Field(max_length=512)] | None = None
    suffix: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    seed: Annotated[int, Field(ge=0, le=2_147_483_647, strict=True)] | None = None
    metadata: Annotated[Metadata, Field(max_length=16)] | None = None
    integrations: Annotated[list[Any], Field(max_length=0)] | None = None
    """None can be asked for: each would send what is trained to others."""
    method: Method | None = None
    hyperparameters: Hyperparameters | None = None
    """OpenAI's older place for those of `supervised`."""
    sintonia: dict[str, Any] | None = None
    """Settings of a recipe, nested or by their dotted names: for example `{"task": "classify"}`."""


def method_of(asked: Asked) -> tuple[str, Hyperparameters]:
    """The method that is asked for, and its hyperparameters.

    Raises:
        Refused: hyperparameters in two places, or those of another method.
    """
    method = asked.method or Method(type="supervised")
    name = method.type
    other = method.dpo if name == "supervised" else method.supervised
    if other is not None:
        what = f"The method is '{name}', and what it is told is of the other one"
        raise Refused(400, what, code="invalid_value", about="method")
    block = getattr(method, name)
    inner = block.hyperparameters if block else None
    if inner is not None and asked.hyperparameters is not None:
        what = "Hyperparameters are given twice: 'hyperparameters' is the older name of 'method.*.hyperparameters'"
        raise Refused(400, what, code="invalid_value", about="hyperparameters")
    if name == "dpo":
        outer = asked.hyperparameters
        return name, inner or PreferenceHyperparameters(**(outer.model_dump() if outer else {}))
    return name, inner or asked.hyperparameters or Hyperparameters()


def shown_hyperparameters(asked: Asked) -> dict[str, Any]:
    """As the job shows them, those too that are given as settings under `sintonia`: what is left open is `auto`."""
    settings = settings_of(asked)
    return {name: settings.get(_MEANS[name], "auto") for name in type(method_of(asked)[1]).model_fields}


def settings_of(asked: Asked) -> dict[str, Any]:
    """The settings of the recipe by their dotted names: those of the method, then those under `sintonia`.

    Raises:
        Refused: a setting that is unknown, cannot be asked for here, or is given twice.
    """
    method, hyperparameters = method_of(asked)
    settings: dict[str, Any] = {"task": "prefer" if method == "dpo" else "chat"}
    for name, value in hyperparameters.model_dump().items():
        if value not in (None, "auto"):
            settings[_MEANS[name]] = value
    given = _flat(asked.sintonia or {})
    twice = sorted(given.keys() & settings.keys() - {"task"})
    if twice:
        what = f"`{twice[0]}` is a hyperparameter of the method and stands under `sintonia` too"
        raise Refused(400, what, code="invalid_value", about=f"sintonia.{twice[0]}")
    if method == "dpo" and given.get("task", "prefer") != "prefer":
        raise Refused(400, "The method dpo is the task `prefer`", code="invalid_value", about="sintonia.task")
    if {"training.learning_rate", "training.learning_rate_multiplier"} <= (given.keys() | settings.keys()):
        what = "A learning rate that is named is not multiplied: give it, or the multiplier"
        raise Refused(400, what, code="invalid_value", about="sintonia.training.learning_rate")
    return settings | given


def recipe_from(settings: dict[str, Any], *, base: str, seed: int, path: str, validation: str | None) -> Recipe:
    """The recipe of a job.

    Raises:
        Refused: values that a setting cannot have.
    """
    body: dict[str, Any] = {"base": base, "seed": seed, "data": {"path": path, "validation": validation}}
    try:
        for dotted, value in settings.items():
            put(body, dotted, value)
        return check_values(make_recipe(body))
    except UsageError as error:
        raise refusal_of(error, "sintonia") from None


def _flat(body: dict[str, Any]) -> dict[str, Any]:
    """Nested or dotted settings by their dotted names, those that can be asked for."""
    known, found = askable(), {}
    for name, value in body.items():
        is_block = isinstance(value, dict) and name not in known
        for dotted, inner in ((f"{name}.{key}", one) for key, one in value.items()) if is_block else ((name, value),):
            if dotted not in known:
                _refuse_setting(dotted, known)
            if dotted in found:
                raise Refused(400, f"`{dotted}` is given twice", code="invalid_value", about=f"sintonia.{dotted}")
            found[dotted] = inner
    return found


def askable() -> tuple[str, ...]:
    """The settings of a recipe that a request may give, by their dotted names."""
    return tuple(name for name in setting_names() if name in _SINGLE or name.startswith(_STARTS))


def _refuse_setting(dotted: str, known: tuple[str, ...]) -> None:
    about = f"sintonia.{shown(dotted)}"
    if dotted in setting_names():
        what = f"the setting `{dotted}` cannot be given by a request: the server decides it"
        raise Refused(400, what, code="unknown_parameter", about=about)
    what = f"unknown setting `{shown(dotted)}` (did you mean {nearest(dotted, known)}?)"
    raise Refused(400, what, code="unknown_parameter", about=about)

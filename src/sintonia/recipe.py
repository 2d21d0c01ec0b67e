"""Loads, validates, overrides and identifies a Recipe. It fills no `auto`: that is `resolve/`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import entry_points
from operator import attrgetter
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from sintonia.errors import UsageError, nearest
from sintonia.files import SCHEMA, storage_errors, to_json
from sintonia.settings import LEAST_DAYS, MOST_DAYS, TASKS, ClassifySettings, Recipe

TASK_GROUP = "sintonia.tasks"
"""Entry points of this group are tasks: their name, and the module that is one."""

STOPPING = ("D103", "D110", "D113", "D130", "D133", "D138")
"""Codes of the findings that can stop a run, and be accepted."""


@cache
def _adapter() -> TypeAdapter[Recipe]:
    return TypeAdapter(Recipe)


def recipe_schema() -> dict[str, Any]:
    """The JSON schema of a recipe, with the documentation of each setting."""
    return _adapter().json_schema()


def setting_names() -> tuple[str, ...]:
    """All settings by their dotted names, `training.learning_rate` and so on."""
    return tuple(_dotted_names(dataclasses.asdict(_defaults()), ""))


def _dotted_names(body: dict[str, Any], before: str) -> Iterator[str]:
    for name, value in body.items():
        if isinstance(value, dict) and name != "columns":
            yield from _dotted_names(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def make_recipe(body: dict[str, Any], *, where: str = "") -> Recipe:
    """A checked recipe from nested plain values.

    Raises:
        UsageError: unknown settings (with the nearest names) or wrong values, all in one message.
    """
    try:
        recipe = _adapter().validate_python(body)
    except ValidationError as error:
        raise UsageError("; ".join(_problems(error.errors(include_url=False))), where=where) from None
    known = ("auto", *task_names())
    if recipe.task not in known:
        *most, last = (f"`{one}`" for one in known)
        hint = f" (did you mean {nearest(recipe.task, known, 1)}?)"
        raise UsageError(f"`task` is {recipe.task!r}, and may be {', '.join(most)} or {last}{hint}", where=where)
    return recipe


def task_names() -> tuple[str, ...]:
    """The tasks that a recipe may name: ours, and those that other packages declare. None is imported."""
    return (*TASKS, *sorted({point.name for point in entry_points(group=TASK_GROUP)} - set(TASKS)))


def _defaults() -> Recipe:
    return make_recipe({"data": {"path": "x"}})


def _problems(errors: Sequence[Any]) -> list[str]:
    """Validation errors in the words of a person, each setting once."""
    of_settings: dict[str, list[Any]] = {}
    for one in errors:
        of_settings.setdefault(_dotted(one), []).append(one)
    return [_problem(dotted, found) for dotted, found in of_settings.items()]


def _dotted(error: Any) -> str:
    """The setting that an error is about."""
    parts = [str(part) for part in error["loc"]]
    known = setting_names()
    return next((".".join(parts[:k]) for k in (3, 2, 1) if ".".join(parts[:k]) in known), ".".join(parts))


def _problem(dotted: str, errors: Sequence[Any]) -> str:
    """What is wrong with one setting, and what it may be."""
    error, known = errors[0], setting_names()
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown setting `{dotted}` (did you mean {nearest(dotted, known)}?)"
    if error["type"] in ("missing", "missing_argument"):
        return f"`{dotted}` is missing"
    shown, hint = str(error["input"])[:60], _NOT_OFFERED.get(str(error["input"]), "")
    choices = [one for each in errors if each["type"] == "literal_error" for one in _CHOICE.findall(_expected(each))]
    kinds = [_KINDS[kind] for kind in dict.fromkeys(each["type"].split("_")[0] for each in errors) if kind in _KINDS]
    if not choices and not kinds:
        return f"`{dotted}`: {error['msg']} (got {shown!r}){hint}"
    if len(choices) > 1 and not hint and isinstance(error["input"], str):
        hint = f" (did you mean {nearest(shown, choices, 1)}?)"
    *most, last = [*kinds, *(f"`{one}`" for one in choices)]
    return f"`{dotted}` is {shown!r}, and may be {', '.join(most)}{' or ' if most else ''}{last}{hint}"


def _expected(error: Any) -> str:
    return str(error["ctx"]["expected"])


_CHOICE = re.compile(r"'([^']*)'")
_KINDS = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "string": "a text",
    "dataclass": "a block of settings",
    "dict": "a mapping",
    "tuple": "a list",
}
"""What a setting may be, by how the names of its errors begin."""


_NOT_OFFERED = {"qlora": ": it needs a GPU, and training runs on the processor here; take `lora`"}
"""What people know from other tools."""


def load_recipe(path: Path | str) -> dict[str, Any]:
    """The nested plain values of a YAML recipe, not yet checked (overrides come first).

    Raises:
        UsageError: the file is not YAML, or not a mapping.
        StorageError: the file cannot be read.
    """
    path = Path(path)
    with storage_errors(path):
        content = path.read_bytes() if path.is_file() else None
    if content is None:
        raise UsageError(f"there is no recipe `{path}`", hint="check the path")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("this is not UTF-8", where=str(path), hint="save the recipe as UTF-8") from None
    try:
        body = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise UsageError("this is not YAML", where=f"{path}{line}", hint="check indentation and quotes") from None
    if not isinstance(body, dict):
        raise UsageError("a recipe is a mapping of settings", where=str(path))
    if body.pop("schema", SCHEMA) != SCHEMA:
        raise UsageError("this recipe is of a newer schema", where=str(path), hint="upgrade sintonia")
    for name in _SWITCHES:
        block, _, setting = name.partition(".")
        inner = body.get(block)
        if isinstance(inner, dict) and isinstance(inner.get(setting), bool):
            inner[setting] = "on" if inner[setting] else "off"  # what YAML makes of these words
    return body


def override(body: dict[str, Any], dotted: str) -> None:
    """Applies `training.learning_rate=2e-4` to nested values, in place. Numbers may be written as YAML or 2e-4.

    Raises:
        UsageError: not of the form `setting=value`, or no such setting.
    """
    name, equals, text = dotted.partition("=")
    known = setting_names()
    if not equals:
        raise UsageError(f"`{dotted}` is not `setting=value`", hint=f"for example {nearest(name, known, 1)}=...")
    if name not in known:
        raise UsageError(f"unknown setting `{name}`", hint=f"did you mean {nearest(name, known)}?")
    try:
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(f"`{dotted}`: this is not a value", hint="lists are [a, b], mappings {a: b}") from None
    if isinstance(value, str):
        with suppress(ValueError):
            value = float(text)  # YAML takes 2e-4 for a text
    if isinstance(value, bool) and name in _SWITCHES:
        value = "on" if value else "off"  # what YAML makes of these words
    put(body, name, [value] if name in _LISTS and isinstance(value, str) else value)


_SWITCHES = ("training.cache", "training.checkpointing")
_LISTS = ("accept", "tracking", "data.added")
"""Settings of several values, of which one may be written alone."""


def put(body: dict[str, Any], dotted: str, value: Any) -> None:
    """Sets a setting in nested plain values, in place.

    Raises:
        UsageError: what stands where the block should be is not a block.
    """
    *outer, last = dotted.split(".")
    for key in outer:
        if body.get(key) is None:
            body[key] = {}
        if not isinstance(body[key], dict):
            raise UsageError(f"`{key}` is a block of settings, not {body[key]!r}", hint=f"for example `{dotted}: ...`")
        body = body[key]
    body[last] = value


def recipe_id(recipe: Recipe) -> str:
    """16 hex digits of the content of the recipe, without budget, prices, trackers, processes, days, paths, licence."""
    body = to_json(recipe)
    for name in ("budget_seconds", "prices", "tracking"):
        body.pop(name)
    for name in ("path", "test", "validation", "added", "production", "licence"):
        body["data"].pop(name)
    body["evaluation"].pop("metrics_file")
    body["adjusting"].pop("processes")
    for name in ("keep_days", "vault"):
        body["privacy"].pop(name)
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


_RANGES: dict[str, tuple[float, float]] = {
    "training.epochs": (0.0, 1000.0),
    "training.learning_rate": (0.0, 10.0),
    "training.learning_rate_multiplier": (1e-6, 1e6),
    "training.batch_examples": (1, 4096),
    "training.micro_tokens": (16, 10**7),
    "training.warmup_fraction": (0.0, 0.9),
    "classify.out_of_scope": (0.0, 0.5),
    "data.passage_bytes": (64, 65_536),
    "training.weight_decay": (0.0, 1.0),
    "training.dropout": (0.0, 0.9),
    "training.clip_norm": (0.0, 1e6),
    "training.evaluations": (1, 1000),
    "training.patience": (1, 1000),
    "training.checkpoint_steps": (1, 10**9),
    "training.max_tokens": (4, 10**6),
    "training.frozen_layers": (0, 10_000),
    "lora.rank": (1, 4096),
    "lora.alpha": (1e-3, 1e5),
    "lora.dropout": (0.0, 0.9),
    "lora.layers": (1, 10_000),
    "lora.plus_ratio": (0.01, 1000.0),
    "prefer.beta": (1e-4, 100.0),
    "prefer.target_margin": (0.0, 10.0),
    "prefer.wanted_weight": (0.0, 100.0),
    "prefer.unwanted_weight": (0.0, 100.0),
    "evaluation.margin": (0.0, 0.99),
    "evaluation.confidence": (0.5, 0.9999),
    "evaluation.new_tokens": (1, 4096),
    "privacy.dp.epsilon": (0.01, 50.0),
    "privacy.dp.delta": (1e-15, 0.1),
    "privacy.dp.clip_norm": (1e-6, 1e6),
    "privacy.dp.noise": (0.05, 1e4),
    "privacy.keep_days": (LEAST_DAYS, MOST_DAYS),
    "adjusting.turns": (1, 1000),
    "adjusting.search": (0, 1000),
    "adjusting.processes": (1, 64),
}


def check_values(recipe: Recipe) -> Recipe:
    """The recipe, when its numbers make sense together.

    Raises:
        UsageError: numbers out of their range, all in one message.
    """
    problems = []
    for name, (low, high) in _RANGES.items():
        value = attrgetter(name)(recipe)
        if not isinstance(value, str | None) and not low <= value <= high:
            problems.append(f"`{name}` is {value}, not within {low} to {high}")
    if recipe.budget_seconds is not None and not 0 < recipe.budget_seconds < math.inf:
        problems.append(f"`budget_seconds` is {recipe.budget_seconds}, not a time above 0")
    for name in ("kwh", "gpu_hour"):
        price = getattr(recipe.prices, name)
        if price is not None and not 0 <= price < math.inf:
            problems.append(f"`prices.{name}` is {price}, not a price from 0 on")
    unknown = [code for code in recipe.accept if code not in STOPPING]
    if unknown:
        problems.append(f"`accept`: {', '.join(unknown)} never stops a run; {', '.join(STOPPING)} may")
    order = [str(one) for one in recipe.classify.order]
    if order and (len(order) < 2 or len(set(order)) < len(order)):
        problems.append("`classify.order` names every label once, two or more, from one end to the other")
    if recipe.task not in ("auto", "classify") and recipe.classify != ClassifySettings():
        problems.append(f"`classify` has no effect for the task {recipe.task}")
    if recipe.adjusting.search in (1, 2):
        problems.append(f"`adjusting.search` is {recipe.adjusting.search}: a search compares 3 configurations or more")
    if recipe.training.epochs == 0 or recipe.training.learning_rate == 0:
        problems.append("`training.epochs` and `training.learning_rate` must be above 0")
    if problems:
        raise UsageError("; ".join(problems))
    return recipe

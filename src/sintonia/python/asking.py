"""What is asked of data, and of several runs: plain values become a recipe here. It computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sintonia import pipeline
from sintonia.errors import UsageError
from sintonia.pipeline import Listener
from sintonia.python.one_model import Model
from sintonia.python.one_run import Run
from sintonia.recipe import check_values, load_recipe, make_recipe
from sintonia.records import BaseAlone, Checked, ComparedRuns, Ranking
from sintonia.settings import Recipe

Data = Path | str | Recipe
"""A data file, or a whole recipe."""


def tune(data: Data, out: Path | str, listener: Listener = lambda _: None, **settings: Any) -> Run:
    """The whole process, as `sintonia tune`: a run in the new folder `out`, with its verdict.

    `settings` are those of a recipe by their names, a block of them as a dict, and `recipe` a YAML file of them:
    `tune("orders.csv", "runs/one", task="classify", training={"epochs": 3})`. Each `Progress` goes to the `listener`.

    Raises:
        SintoniaError: one of its kinds, each with place and hint; `Run.open(out).improve()` goes on where that can be.
    """
    run = Run.start(recipe_of(data, settings), out)
    run.improve(listener)
    return run


def check(data: Data, listener: Listener = lambda _: None, *, has_base: bool = True, **settings: Any) -> Checked:
    """Audits data row by row and leaves nothing behind, as `sintonia check`; without a base only what needs no model.

    Raises:
        SintoniaError: one of its kinds, each with place and hint.
    """
    return pipeline.check(recipe_of(data, settings), listener, has_base=has_base)


def rank_bases(
    data: Data, listener: Listener = lambda _: None, *, bases: Sequence[str] = (), licence: str = "", **settings: Any
) -> Ranking:
    """Ranks base models on training rows alone, as `sintonia choose`; without `bases` those on this machine.

    Raises:
        SintoniaError: one of its kinds, each with place and hint.
    """
    return pipeline.choose(recipe_of(data, settings), listener, bases=tuple(bases), licence=licence)


def weigh_base(data: Data, base: str, listener: Listener = lambda _: None, **settings: Any) -> BaseAlone:
    """What a base does on validation before any tuning, as `sintonia evaluate DATA --base REF`; no test is opened.

    Raises:
        SintoniaError: one of its kinds, each with place and hint.
    """
    return pipeline.evaluate_base(recipe_of(data, settings | {"base": base}), listener)


def compare(*runs: Run | Path | str) -> ComparedRuns:
    """Compares finished runs on the test they share, as `sintonia compare`; it is opened for none of them anew.

    Raises:
        UsageError: fewer than two runs, or some that cannot be compared.
    """
    if len(runs) < 2:
        raise UsageError(f"{len(runs)} runs to compare", expected="two runs or more", hint="name another run folder")
    return pipeline.compare([(one if isinstance(one, Run) else Run.open(one)).folder for one in runs])


def load(model: Run | Path | str) -> Model:
    """The model of a run or of a folder, or a base by its reference, to be asked; it is opened at its first use."""
    return Model(model.path if isinstance(model, Run) else model)


def recipe_of(data: Data, settings: dict[str, Any]) -> Recipe:
    """A checked recipe of a data file and settings; `recipe=FILE` names a YAML file that they go on top of.

    Raises:
        UsageError: unknown settings (with the nearest names) or wrong values, all in one message.
    """
    if isinstance(data, Recipe):
        if settings:
            raise UsageError(
                f"settings beside a whole recipe: {', '.join(sorted(settings))}",
                expected="one or the other",
                hint="put the settings into the recipe",
            )
        return check_values(data)
    asked = dict(settings)
    file = asked.pop("recipe", None)
    body: dict[str, Any] = load_recipe(file) if file else {}
    for name, value in (*asked.items(), ("data", {**_block(asked.get("data")), "path": str(data)})):
        is_block = isinstance(value, dict) and isinstance(body.get(name), dict)
        body[name] = {**body[name], **value} if is_block else value
    return check_values(make_recipe(body))


def _block(value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise UsageError(f"`data` is {value!r}", expected="a dict of its settings", hint='data={"test": "test.csv"}')
    return dict(value or {})

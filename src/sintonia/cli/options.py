"""The options that several commands share, and how what is typed becomes a recipe and a run folder.

The help of an option that is a setting of the recipe comes from the documentation of that setting.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from sintonia.errors import UsageError, nearest
from sintonia.recipe import check_values, load_recipe, make_recipe, override, put, recipe_schema, setting_names
from sintonia.settings import Recipe

RUNS = Path("runs")
"""Where runs go, and are looked for, when no folder is named."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@cache
def setting_help(setting: str) -> str:
    """The documentation of a setting of the recipe, by its dotted name."""
    schema = recipe_schema()
    block, _, name = setting.rpartition(".")
    properties = schema["$defs"][f"{block.capitalize()}Settings"] if block else schema
    text: str = properties["properties"][name].get("description", "")
    return text.replace("\n", " ")


def _stay_offline(is_offline: bool) -> bool:
    """Sets, for this process and those it starts, what everything that could connect looks at first."""
    if is_offline:
        os.environ["SINTONIA_OFFLINE"] = os.environ["HF_HUB_OFFLINE"] = "1"
    return is_offline


RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on standard output.")]
YesOption = Annotated[
    bool, typer.Option("--yes", help="Go on without a question where the estimate is beyond the budget.")
]
OfflineOption = Annotated[
    bool,
    typer.Option(
        "--offline",
        help="Connect to nothing: a base that is not on this machine is refused at once.",
        callback=_stay_offline,
        is_eager=True,
    ),
]
TestOption = Annotated[str | None, typer.Option("--test", metavar="FILE", help=setting_help("data.test"))]
ValidationOption = Annotated[
    str | None, typer.Option("--validation", metavar="FILE", help=setting_help("data.validation"))
]
TeacherOption = Annotated[
    Path | None,
    typer.Option(
        "--teacher",
        metavar="RUN",
        help="A finished run whose model answers DATA, texts without labels, for another base to learn from.",
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="The run folder to make; by default runs/NAME-NNN."),
]


def seconds_of(budget: str) -> float:
    """The seconds in `90s`, `10m`, `1h30m` or a plain number of seconds.

    Raises:
        UsageError: it is not a length of time, or not above zero.
    """
    text = budget.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
    elif re.fullmatch(r"(\d+(\.\d+)?[hms])+", text):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)([hms])", text))
    else:
        seconds = 0.0
    if seconds <= 0:
        raise UsageError(f"`--budget {budget}` is not a length of time", hint="for example 90s, 10m or 1h30m")
    return seconds


def columns_of(text: str) -> dict[str, str]:
    """The roles and columns in `input=text,target=label`.

    Raises:
        UsageError: it is not of that form.
    """
    pairs = [one.partition("=") for one in text.split(",")]
    if any(not role.strip() or not column.strip() for role, _, column in pairs):
        raise UsageError(f"`--columns {text}` is not role=column", hint="for example --columns input=text,target=label")
    return {role.strip(): column.strip() for role, _, column in pairs}


def build_recipe(file: Path | None, settings: Mapping[str, Any], words: Sequence[str]) -> Recipe:
    """A checked recipe: the file first, then the options that were given, then the dotted overrides.

    Raises:
        UsageError: unknown settings or bases, wrong values, or no data.
    """
    body: dict[str, Any] = load_recipe(file) if file else {}
    for dotted, value in settings.items():
        if value is not None:
            put(body, dotted, value)
    for word in words:
        override(body, word)
    if not isinstance(body.get("data"), dict) or not body["data"].get("path"):
        raise UsageError(
            "no data were given",
            expected="a data file, or a folder with one sub-folder a label",
            hint="for example `sintonia tune examples.csv`",
        )
    return check_values(make_recipe(body))


def data_and_overrides(data: str | None, words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The data file and the overrides; with a recipe that names the data, the first word may be either.

    Raises:
        UsageError: a word after the data is not `setting=value`.
    """
    if data and _is_override(data):
        return None, [data, *words]
    for word in words:
        if "=" not in word:
            hint = f"settings near it: {nearest(word, setting_names())}"
            raise UsageError(f"`{word}` is not `setting=value`", hint=hint)
    return data, list(words)


def _is_override(word: str) -> bool:
    return "=" in word and not Path(word).exists()


def run_path(out: Path | None, name: str) -> Path:
    """The folder for a new run: the one asked for, or the next free `runs/NAME-NNN`."""
    if out is not None:
        return out
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
    taken = [path.name.rpartition("-")[2] for path in RUNS.glob(f"{stem}-*")]
    number = max((int(digits) for digits in taken if digits.isdecimal()), default=0) + 1
    return RUNS / f"{stem}-{number:03d}"

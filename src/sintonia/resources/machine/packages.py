"""The installed packages against the ranges that this package asks for, by their metadata. It installs nothing."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sintonia.records.health import Reading

_TOPIC, _EXTRAS = "packages", "extras"
_SHOWN = ("torch", "transformers", "safetensors", "numpy", "scikit-learn")
_IMPORTED = ("torch", "transformers")
"""Large enough to be there and not to work."""
_ESSENTIAL = (
    "torch",
    "transformers",
    "safetensors",
    "numpy",
    "scikit-learn",
    "scipy",
    "filelock",
    "gguf",
    "matplotlib",
)
"""Without one of these nothing is trained to its end."""


def package_readings(
    name: str = "sintonia", version_of: Callable[[str], str] = metadata.version
) -> tuple[Reading, ...]:
    """What is missing or of a wrong version, of what `name` needs, and which of its extras work.

    `version_of` gives the installed version of a distribution, and raises `PackageNotFoundError` where there is none.
    """
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return (_cannot_tell("the package `packaging` is missing", ["packaging"]),)
    declared = _declared(name)
    if declared is None:
        return (_cannot_tell(f"`{name}` is not installed", [name]),)
    lines, extras = declared
    wanted = [Requirement(line) for line in lines]
    needed = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    found = [reading for one in needed if (reading := _reading(one, version_of))]
    if not found:
        shown = ", ".join(f"{one} {version_of(one)}" for one in _SHOWN if one in {each.name for each in needed})
        message = (
            f"all {len(needed)} are in their ranges, {shown}" if shown else f"all {len(needed)} are in their ranges"
        )
        found = [Reading(topic=_TOPIC, state="good", message=message)]
    for extra in extras:
        its = [one for one in wanted if one not in needed and one.marker and one.marker.evaluate({"extra": extra})]
        found.append(_extra_reading(extra, [one for one in its if _wrong(one, version_of)]))
    return tuple(found)


def import_readings(importing: Callable[[str], Any] = import_module) -> tuple[Reading, ...]:
    """Of the largest packages, those that are there and cannot be imported."""
    found: list[Reading] = []
    broken: set[str] = set()
    for name in _IMPORTED:
        try:
            importing(name)
        except Exception as error:  # a broken shared library raises whatever it likes
            if getattr(error, "name", None) not in broken:  # else it was said already
                found.append(_broken(name, error))
            broken.add(name)
    return tuple(found)


def pip_command(words: Sequence[str]) -> str:
    """What installs something into the very Python that is running."""
    known = shutil.which("python")
    is_same = known is not None and os.path.realpath(known) == os.path.realpath(sys.executable)
    return shlex.join(["python" if is_same else sys.executable, "-m", "pip", "install", *words])


def _declared(name: str) -> tuple[list[str], list[str]] | None:
    """What a distribution needs, one line each as its metadata have them, and its extras; None where nobody says.

    A package that runs from its source without being installed is told of by the `pyproject.toml` above it.
    """
    with suppress(metadata.PackageNotFoundError):
        return list(metadata.requires(name) or ()), list(metadata.metadata(name).get_all("Provides-Extra") or ())
    found = find_spec(name)
    if found is None or found.origin is None:
        return None
    try:
        path = Path(found.origin).parents[2] / "pyproject.toml"
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        extras: dict[str, list[str]] = project.get("optional-dependencies", {})
        optional = [f"{line}; extra == '{extra}'" for extra, its in extras.items() for line in its]
        return [*project["dependencies"], *optional], list(extras)
    except (OSError, ValueError, KeyError, IndexError):
        return None


def _reading(requirement: Any, version_of: Callable[[str], str]) -> Reading | None:
    wrong = _wrong(requirement, version_of)
    if not wrong:
        return None
    is_missing = wrong == "is missing"
    return Reading(
        topic=_TOPIC,
        state="problem",
        message=f"{requirement.name} {wrong}",
        cure=pip_command([_asked(requirement)]),
        is_fatal=is_missing and requirement.name in _ESSENTIAL,
    )


def _wrong(requirement: Any, version_of: Callable[[str], str]) -> str:
    """What is wrong with the installed version; empty where nothing is."""
    try:
        version = version_of(requirement.name)
    except metadata.PackageNotFoundError:
        return "is missing"
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"is {version}, tested is {requirement.specifier}"


def _extra_reading(extra: str, wrong: Sequence[Any]) -> Reading:
    if not wrong:
        return Reading(topic=_EXTRAS, state="good", message=f"`{extra}` works")
    names = ", ".join(one.name for one in wrong)
    cure = pip_command([_asked(one) for one in wrong])
    return Reading(topic=_EXTRAS, state="note", message=f"`{extra}` needs {names}, if you want it", cure=cure)


def _asked(requirement: Any) -> str:
    return f"{requirement.name}{requirement.specifier}"


def _broken(name: str, error: Exception) -> Reading:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return Reading(
        topic=_TOPIC,
        state="problem",
        message=f"{name} is installed and cannot be imported: {line}",
        cure=pip_command(["--force-reinstall", name]),
        is_fatal=True,
    )


def _cannot_tell(why: str, words: Sequence[str]) -> Reading:
    message = f"the versions cannot be compared: {why}"
    return Reading(topic=_TOPIC, state="note", message=message, cure=pip_command(words))

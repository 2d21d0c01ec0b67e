"""Imports go down only, and what must start fast never imports torch."""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.architecture.source_tree import imported_modules, source_files

GROUND = ("records", "settings", "errors")
FILES = ("files", "normalise")
AUDITED = ("audit", "vault")
RECORDED = ("recipe", "runs", "sealed", "plugins")
PURE = ("tasks", "methods", "metrics", "statistics", "privacy")
LIVE = ("models", "resources", "resolve")
ROOMS = ("prepare", "choose", "train", "evaluate", "adjust", "report", "export", "use")
CORRIDOR = ("pipeline", "corridor")
DOORS = ("cli", "python", "serve", "studio", "__main__")
LAYERS = (GROUND, FILES, AUDITED, RECORDED, PURE, LIVE, ROOMS, CORRIDOR, DOORS)
"""From the foundations to the doors. `report` and `export` are called by the pipeline as the rooms are."""

SIBLINGS = {
    ("__main__", "cli"),
    ("cli", "serve"),
    ("pipeline", "corridor"),
    ("records", "settings"),
    ("sealed", "runs"),
}
"""Imports within a layer that are allowed. This list may only shrink."""

WITHOUT_TORCH = (
    "recipe",
    "audit",
    "runs",
    "sealed",
    "prepare",
    "adjust",
    "report",
    "metrics",
    "statistics",
    "cli.main",
    "cli.tune",
)


def _layer(room: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if room in names)


def test_every_module_has_a_place_in_the_layers() -> None:
    known = {name for names in LAYERS for name in names} | {"__init__"}
    assert {file.room for file in source_files()} <= known


def test_imports_go_down_only() -> None:
    wrong = []
    for file in source_files():
        if file.room == "__init__":
            continue
        for module, line in imported_modules(file.tree):
            there = module.split(".")[0]
            is_down = there == file.room or _layer(there) < _layer(file.room)
            if not is_down and (file.room, there) not in SIBLINGS:
                wrong.append(f"{file.path}:{line} imports {module}")
    assert wrong == []


def test_rooms_never_import_each_other() -> None:
    wrong = []
    for file in source_files():
        if file.room in ROOMS:
            met = {module.split(".")[0] for module, _ in imported_modules(file.tree)}
            wrong += [f"{file.path} imports {room}" for room in met & set(ROOMS) - {file.room}]
    assert wrong == []


FRONTS = (*ROOMS, "privacy")
"""Where a door may enter: the rooms, and the beam that `redact` needs and no phase stands before."""


def test_doors_enter_a_room_by_its_front() -> None:
    """A door imports `sintonia.prepare`, never `sintonia.prepare.sets.split`, and no model, task or method."""
    wrong = []
    for file in source_files():
        if file.room not in DOORS:
            continue
        for module, line in imported_modules(file.tree):
            room, _, inside = module.partition(".")
            is_inside = room in FRONTS and inside
            if is_inside or (room in (*PURE, *LIVE, "corridor") and room not in FRONTS):
                wrong.append(f"{file.path}:{line} imports {module}")
    assert wrong == []


def test_only_the_pipeline_opens_the_test() -> None:
    openers = [
        file.path
        for file in source_files()
        if file.room != "sealed" and any(_names_open_test(node) for node in ast.walk(file.tree))
    ]
    assert openers in ([], ["pipeline.py"])


def _names_open_test(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return any(alias.name == "open_test" for alias in node.names)
    return isinstance(node, ast.Attribute) and node.attr == "open_test"


def test_what_reads_and_reports_never_imports_torch() -> None:
    check = "importlib.import_module('sintonia.{0}'); assert 'torch' not in sys.modules, '{0} imports torch'"
    code = "\n".join(["import importlib, sys", *(check.format(name) for name in WITHOUT_TORCH)])
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr

"""One word per thing, whole words, and no drawer of odds and ends. Only our own definitions are read."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.source_tree import source_files, words_of

FORBIDDEN = {
    "alert": "finding",
    "arg": "setting",
    "args": "setting",
    "cfg": "recipe",
    "config": "recipe",
    "datapoint": "example",
    "dev": "validation",
    "eval": "evaluation",
    "gold": "target",
    "handler": "name what it does",
    "helper": "name what it does",
    "helpers": "name what it does",
    "hparams": "settings",
    "holdout": "test",
    "idx": "index",
    "item": "example, row, or what it is",
    "items": "examples, rows, or what they are",
    "iteration": "step, epoch or turn",
    "lr": "learning_rate",
    "manager": "name what it does",
    "misc": "name what it holds",
    "param": "setting, or weight",
    "params": "settings, or weights",
    "perf": "score",
    "pretrained": "base",
    "sample": "example",
    "samples": "examples",
    "student": "candidate",
    "tmp": "temporary",
    "utils": "name what it does",
    "val": "validation, or value",
    "violation": "finding",
}
"""The word, and what to say instead."""

FORBIDDEN_MODULES = {
    "utils",
    "helpers",
    "common",
    "misc",
    "core",
    "data",
    "manager",
    "handler",
    "engine",
    "config",
}
FORBIDDEN_PREFIXES = ("do_", "process_", "handle_")
PROTOCOLS: set[str] = set()
"""Names that a library of others prescribes, as `file:name`."""


def _definitions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names of functions, classes, parameters, and of what is assigned to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno


def test_our_definitions_use_our_words() -> None:
    wrong = []
    for file in source_files():
        for name, line in _definitions(file.tree):
            is_prescribed = name.startswith("__")
            said = [word for word in words_of(name) if word in FORBIDDEN and not is_prescribed]
            if said and f"{file.path}:{name}" not in PROTOCOLS:
                wrong.append(f"{file.path}:{line} `{name}`: say {FORBIDDEN[said[0]]}")
    assert wrong == []


def test_no_function_is_called_after_nothing() -> None:
    names = [(file.path, name) for file in source_files() for name, _ in _definitions(file.tree)]
    assert [one for one in names if one[1].startswith(FORBIDDEN_PREFIXES)] == []


def test_modules_are_named_after_the_one_thing_they_hold() -> None:
    parts = {part for file in source_files() for part in file.path.removesuffix(".py").split("/")}
    assert parts & FORBIDDEN_MODULES == set()

"""Small files, small functions. What is over a limit is listed here by name, and the list may only shrink."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from sintonia.cli.main import COMMANDS
from tests.architecture.source_tree import ROOT, SourceFile, functions, source_files

FILE_LINES, TEST_FILE_LINES = 300, 500
FUNCTION_LINES = 40  # without the docstring: explaining is not punished
PARAMETERS = 5
FLAGS = 16  # the options that commands share (there are fifteen), and `--json`
NESTING = 3
FOLDER_FILES = 12
DRAWERS = {"cli", "metrics", "prepare/checks", "prepare/forms", "prepare/readers"}
"""Folders of many files of one kind."""

OVER = {
    "report/figures.py:curves_figure lines": 43,
}
"""`path` or `path:function` -> the most it may measure. Never raise a number and never add a line."""

_BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match, ast.AsyncFor, ast.AsyncWith)


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body
    has_docstring = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    documented = body[0].end_lineno - body[0].lineno + 1 if has_docstring else 0  # type: ignore[operator]
    return (function.end_lineno or 0) - function.lineno + 1 - documented


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def _nesting(node: ast.AST) -> int:
    """The deepest pile of blocks; an `elif` is beside its `if`, not below it."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        is_block = isinstance(child, _BLOCKS) and not is_elif
        deepest = max(deepest, _nesting(child) + is_block)
    return deepest


def _is_command(file: SourceFile, name: str) -> bool:
    return name in COMMANDS and file.path == f"cli/{name}.py"


def _too_big() -> dict[str, int]:
    found: dict[str, int] = {}
    for file in source_files():
        num_lines = len(file.text.splitlines())
        if num_lines > FILE_LINES:
            found[file.path] = num_lines
        for name, function in functions(file.tree):
            most = FLAGS + 2 if _is_command(file, name) else PARAMETERS
            for kind, size, limit in (
                (
                    "lines",
                    _lines(function),
                    FUNCTION_LINES if not _is_command(file, name) else FUNCTION_LINES + 20,
                ),
                ("parameters", _parameters(function), most),
                ("nesting", _nesting(function), NESTING),
            ):
                if size > limit:
                    found[f"{file.path}:{name} {kind}"] = size
    return found


def test_nothing_grows_over_the_limits() -> None:
    grown = {name: size for name, size in _too_big().items() if size > OVER.get(name, 0)}
    assert grown == {}


def test_the_list_of_exceptions_only_shrinks() -> None:
    found = _too_big()
    stale = {name: size for name, size in OVER.items() if found.get(name, 0) < size}
    assert stale == {}, "lower these numbers, or remove the lines that are no longer needed"


def test_folders_hold_few_files() -> None:
    named = [Path(file.path) for file in source_files() if not Path(file.path).stem.startswith("__")]
    counts = Counter(str(path.parent) for path in named)
    assert {folder: count for folder, count in counts.items() if count > FOLDER_FILES and folder not in DRAWERS} == {}


def test_test_files_stay_readable() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "tests").rglob("*.py")
    }
    assert {path: count for path, count in long.items() if count > TEST_FILE_LINES} == {}

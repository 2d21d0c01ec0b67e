"""Reads the source of the package for the tests of its architecture: files, modules, imports, definitions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "sintonia"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file of the package, parsed."""

    path: str
    """Relative to the package, `prepare/split.py`."""
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The first part of its path: the room or module that it belongs to."""
        return self.path.split("/")[0].removesuffix(".py")


@cache
def source_files() -> tuple[SourceFile, ...]:
    """All Python files of the package."""
    files = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        files.append(SourceFile(path=path.relative_to(PACKAGE).as_posix(), text=text, tree=ast.parse(text)))
    return tuple(files)


def imported_modules(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Each imported module of ours, in dots below `sintonia`, with its line; imports inside functions too.

    `from sintonia.prepare import split` gives `prepare.sets.split` when that is a module, else `prepare`.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [_deepest(node.module or "", alias.name) for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("sintonia."):
                yield name.removeprefix("sintonia."), node.lineno


def _deepest(module: str, name: str) -> str:
    whole = f"{module}.{name}"
    relative = PACKAGE.parent / whole.replace(".", "/")
    return whole if relative.is_dir() or relative.with_suffix(".py").is_file() else module


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Each function and method with its qualified name."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield prefix + child.name, child
                yield from walk(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, f"{prefix}{child.name}.")
            else:
                yield from walk(child, prefix)

    return walk(tree, "")


def words_of(name: str) -> list[str]:
    """`load_HTTPItems` is load, http, items."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return [word.lower() for word in re.split(r"[_\W\d]+", spaced) if word]

"""What a person may set or be told is documented, and what the pages say exists."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache

import pytest

from sintonia.cli.main import COMMANDS
from sintonia.recipe import recipe_schema
from tests.architecture.source_tree import PACKAGE, ROOT, source_files

_CODE = re.compile(r"[DTEPR]\d{3}")
PAGES = (
    *("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"),
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
)


def test_every_setting_is_documented() -> None:
    schema = recipe_schema()
    blocks = {"": schema["properties"]} | {name: body["properties"] for name, body in schema["$defs"].items()}
    silent = [
        f"{block}.{name}"
        for block, settings in blocks.items()
        for name, body in settings.items()
        if "$ref" not in body and not body.get("description")
    ]
    assert silent == []


def test_every_code_of_a_finding_is_explained() -> None:
    """In the docstring of the check that finds it, or in a table from codes to words."""
    used, explained = set(), set()
    for file in source_files():
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                used |= {node.value} if _CODE.fullmatch(node.value) else set()
            if isinstance(node, ast.Dict):
                keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
                explained |= {key for key in keys if isinstance(key, str) and _CODE.fullmatch(key)}
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
                explained |= set(_CODE.findall(ast.get_docstring(node) or ""))
    assert len(used) > 20
    assert used - explained == set()


def test_every_file_opens_with_what_lives_there() -> None:
    assert [file.path for file in source_files() if not ast.get_docstring(file.tree)] == []


def test_every_public_function_and_class_has_a_docstring() -> None:
    silent = []
    for file in source_files():
        for node in file.tree.body:
            is_definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if is_definition and not node.name.startswith("_") and not ast.get_docstring(node):
                silent.append(f"{file.path}:{node.lineno} {node.name}")
    assert silent == []


def test_every_command_says_in_its_help_what_the_table_says() -> None:
    for name, summary in COMMANDS.items():
        tree = ast.parse((PACKAGE / "cli" / f"{name}.py").read_text(encoding="utf-8"))
        function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
        assert (ast.get_docstring(function) or "").splitlines()[0] == summary


@cache
def _shell_lines(page: str) -> list[str]:
    """The lines of the shell blocks of a page, and the commands quoted in its text."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:sh|bash|console)?\n(.*?)```", text, flags=re.DOTALL)
    quoted = re.findall(r"`((?:sintonia|make) [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()] + quoted


@cache
def _help(command: str) -> str:
    process = subprocess.run(
        [sys.executable, "-m", "sintonia", command, "--help"], capture_output=True, text=True, check=True
    )
    return process.stdout


@pytest.mark.parametrize("page", PAGES)
def test_commands_on_the_pages_exist(page: str) -> None:
    unknown = []
    for line in _shell_lines(page):
        words = line.split("#")[0].split()
        if len(words) < 2 or words[0] != "sintonia" or not re.fullmatch(r"[a-z]+", words[1]):
            continue
        flags = [word.split("=")[0] for word in words if word.startswith("--")]
        if words[1] not in COMMANDS or any(flag not in _help(words[1]) for flag in flags):
            unknown.append(line)
    assert unknown == []


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_on_the_pages_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    used = {line.split()[1] for line in _shell_lines(page) if re.match(r"make [a-z]", line)}
    assert used <= targets


def test_the_readme_opens_with_the_two_commands() -> None:
    first_block = re.search(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert first_block
    assert [line.split("#")[0].strip() for line in first_block[1].splitlines()] == [
        "make quickstart",
        "make test",
    ]

"""Runs that were prepared and look finished, without a training, and searches for what must be gone; for erasures."""

from __future__ import annotations

import json
from pathlib import Path

from sintonia.corridor.erasing.seeing import register_prepared
from sintonia.prepare import prepare
from sintonia.records import Base, Teaching
from sintonia.runs import TEACHING, RunFolder
from sintonia.settings import DataSettings, PrivacySettings, Recipe
from tests.tiny import make_rows

PEOPLE = 10
SUBJECT = "person 3"


def planted_rows(count: int = 320, planted: int = 32) -> tuple[list[dict[str, str]], list[str]]:
    """Rows with whose they are, and the strings that stand in those of the subject alone, one in each."""
    rows, secrets = make_rows(count, seed=5), []
    every = count // planted
    for number, row in enumerate(rows):
        is_planted = number % every == every - 1
        row["who"] = SUBJECT if is_planted else f"person {10 + number % PEOPLE}"
        if is_planted:
            secrets.append(f"zx{number:04d}qv")
            row["text"] += f" {secrets[-1]}"
    return rows, secrets


def write_csv(path: Path, rows: list[dict[str, str]]) -> Path:
    """The rows as a table with CRLF and a mark."""
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    path.write_bytes(b"\xef\xbb\xbf" + "".join(f"{line}\r\n" for line in lines).encode())
    return path


def prepared_run(
    folder: Path, data: DataSettings, *, base: str = "auto", revision: str = "", teacher: str = "", texts: str = ""
) -> RunFolder:
    """A run that was prepared and registered, with a model of a few bytes and pages that hold `texts`."""
    recipe = Recipe(data=data, task="classify", base=base, privacy=PrivacySettings())
    run = RunFolder.create(folder, recipe)
    if teacher:
        told = Teaching(run=teacher, candidate="", pool="", pool_sha256="", columns={}, answers="answers.jsonl")
        run.write(TEACHING, told)
    prepared = prepare(recipe, run)
    run.write("prepared.json", prepared)
    register_prepared(run, prepared)
    run.write("base.json", _base(base, revision))
    for name in ("model", "turns/001/model", "turns/001/checkpoints"):
        run.file(name).mkdir(parents=True)
        run.file(f"{name}/model.safetensors").write_bytes(folder.name.encode())
    for name in ("report.html", "cache/features.bin", "turns/001/details.json", "log.txt", "card.md"):
        run.file(name).write_text(texts, encoding="utf-8")
    return run


def files_with(strings: list[str] | list[bytes], *folders: Path) -> dict[str, int]:
    """How many of some strings each file below some folders holds."""
    sought = [one.encode() if isinstance(one, str) else one for one in strings]
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    counts = {str(path): sum(one in content for one in sought) for path in paths if (content := path.read_bytes())}
    return {path: count for path, count in counts.items() if count}


def tree(*folders: Path) -> dict[str, bytes]:
    """Every file below some folders with its content."""
    return {str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def write_jsonl(path: Path, rows: list[dict[str, str]]) -> Path:
    """The rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _base(reference: str, revision: str) -> Base:
    return Base(
        reference=reference,
        revision=revision,
        licence="",
        num_parameters=1,
        num_layers=1,
        hidden_size=1,
        max_tokens=1,
        why=(),
        estimated_memory_bytes=1,
    )

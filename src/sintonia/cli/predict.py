"""`sintonia predict`: answers new texts with the model of a run, or of a folder that was made from one.

One line a text on standard output.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sintonia.cli.options import JsonOption
from sintonia.cli.screen import show_json
from sintonia.errors import DataError, UsageError
from sintonia.records import Prepared
from sintonia.runs import RunFolder

PLAIN_SUFFIXES = frozenset((".txt", ".text", ".md"))
FILE_SUFFIXES = PLAIN_SUFFIXES | frozenset((".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".gz"))
"""How the names of files with texts or rows end."""


def predict(
    path: Annotated[Path, typer.Argument(metavar="RUN|MODEL", help="The run folder, or the folder of a model.")],
    texts: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="The texts to answer.")] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="A file with one text a line, or a table.")] = None,
    as_json: JsonOption = False,
) -> int:
    """Answer new texts with the model of a run."""
    model, prepared = _model(path)
    inputs = _inputs(*_told_apart(texts or [], file), prepared)
    answers = _answers(model, inputs)
    if as_json:
        show_json(answers)
        return 0
    for answer in answers:
        print(f"{_one_line(answer['prediction'])}\t{answer['confidence']:.3f}\t{_one_line(answer['input'])}")
    return 0


def _model(path: Path) -> tuple[Path, Prepared | None]:
    """The folder of the model, and how the data of its run were read; a folder alone does not know that."""
    is_alone = (path / _MARK).is_file() and not (path / "recipe.yaml").is_file()
    if is_alone:
        _refuse_chat(path, path, _task_of(path))
        return path, None
    run = RunFolder.open(path)
    prepared = run.read("prepared.json", Prepared)
    _refuse_chat(path, run.file("model"), prepared.task if prepared else "")
    return run.file("model"), prepared


_MARK = "sintonia.json"
"""The file by which a folder is known as a model of ours."""


def _task_of(folder: Path) -> str:
    try:
        body = json.loads((folder / _MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""  # the loading says what is wrong with it
    return str(body.get("task")) if isinstance(body, dict) else ""


def _refuse_chat(asked: Path, model: Path, task: str) -> None:
    if task == "chat":
        raise UsageError(
            f"`{asked}` learned to chat, and `predict` gives labels only",
            expected="a run of the task classify",
            hint=f"the folder `{model}` loads in transformers, or in peft where it is an adapter: "
            "the report of the run has the lines",
        )


def _told_apart(texts: list[str], file: Path | None) -> tuple[list[str], Path | None]:
    """The texts typed, or the one file that was named in their place.

    Raises:
        UsageError: a word names a file that does not exist, or one among texts.
    """
    named = [word for word in texts if _names_file(word)]
    missing = next((word for word in named if not Path(word).exists()), None)
    if missing is not None:
        raise UsageError(f"there is no file `{missing}`", hint="check the path; a text is typed in quotes")
    if named and (len(texts) > 1 or file):
        raise UsageError(f"`{named[0]}` is a file among texts", hint="give it alone, with --file")
    return ([], Path(named[0])) if named else (texts, file)


def _names_file(word: str) -> bool:
    """Whether a word looks like the name of a file with texts: one word that ends as such names do."""
    return not re.search(r"\s", word.strip()) and Path(word).suffix.lower() in FILE_SUFFIXES


def _one_line(text: str) -> str:
    """Control characters escaped: one answer is one line, and nothing reaches the terminal."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _answers(model: Path, inputs: list[str]) -> list[dict[str, Any]]:
    """The label that the model answers to each text, with its probability."""
    from sintonia.evaluate import answer_texts

    labels, probabilities, best = answer_texts(model, inputs)
    return [
        {"input": text, "prediction": labels[k], "confidence": float(row[k])}
        for text, row, k in zip(inputs, probabilities, best, strict=True)
    ]


def _inputs(texts: list[str], file: Path | None, prepared: Prepared | None) -> list[str]:
    """The texts typed, or else those of the file, or else those of standard input."""
    if texts and file:
        raise UsageError("texts and --file were both given", hint="give one of them")
    if texts:
        return texts
    if file is None and sys.stdin.isatty():
        raise UsageError("no text was given", hint='for example sintonia predict RUN "turn the light on"')
    if file and not file.exists():
        raise UsageError(f"there is no file `{file}`", hint="check the path", where="--file")
    if file and (file.is_dir() or file.suffix.lower() in FILE_SUFFIXES - PLAIN_SUFFIXES):
        return _of_table(file, prepared)
    return _lines(file)


def _of_table(file: Path, prepared: Prepared | None) -> list[str]:
    """The input column, as it is called in the data of the run."""
    if prepared is None:
        raise DataError(
            f"a {file.suffix} file has columns, and a model alone does not know which holds the texts",
            where=str(file),
            expected="plain text, one text a line",
            hint="name the run instead, whose data have the same columns",
        )
    from sintonia.prepare import read_inputs

    return read_inputs(file, prepared)


def _lines(file: Path | None) -> list[str]:
    """One text a line, of a file or of standard input."""
    name = str(file) if file else "standard input"
    try:
        content = file.read_bytes().decode("utf-8-sig") if file else sys.stdin.read().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise DataError(f"byte {error.start} is not UTF-8", where=name, hint="save the file as UTF-8") from None
    lines = [line.removesuffix("\r") for line in content.removesuffix("\n").split("\n")]
    blank = [number for number, line in enumerate(lines, start=1) if not line.strip()]
    if blank and len(blank) < len(lines):
        raise DataError(f"{len(blank)} blank lines, the first is line {blank[0]}", where=name, hint="remove them")
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise DataError("there is no text", where=name, expected="one text a line")
    return lines

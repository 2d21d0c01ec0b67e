"""What `sintonia predict` is asked: texts that were typed, a file of any format, or standard input; and of which model.

It opens no model and answers nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sintonia.errors import DataError, UsageError
from sintonia.records import Prepared
from sintonia.runs import RunFolder, is_run

PLAIN_SUFFIXES = frozenset((".txt", ".text", ".md"))
"""How the names of files end that hold one text a line."""
_ALSO = frozenset((".gz", ".zip"))
"""What nobody means as a text, and the readers refuse in words."""
_STR = frozenset(("str",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """All that is to be answered."""

    columns: Mapping[str, frozenset[str]]
    """Of each row, with the kinds of their values."""
    num_rows: int
    read: Callable[[], Iterator[tuple[dict[str, Any], Any]]]
    """Gives the columns of each row, and what the model is asked of it."""
    file: Path | None = None
    blank_lines: tuple[int, ...] = ()
    """Of the rows in which nothing stands: None is asked of them, and their answer is empty."""


def model_and_data(path: Path) -> tuple[Path, Prepared | None, str]:
    """The folder of the model, how the data of its run were read (a folder alone does not know that), and its task.

    Raises:
        UsageError: there is no run, or it is not finished.
        StorageError: the model does not say what it learned.
    """
    from sintonia.use import is_model, task_of

    is_alone = is_model(path) and not is_run(path)
    if is_alone:
        return path, None, task_of(path)
    run = RunFolder.open(path)
    prepared = run.read("prepared.json", Prepared)
    return run.file("model"), prepared, prepared.task if prepared else ""


def questions(texts: list[str], file: Path | None, prepared: Prepared | None, folder: Path, task: str) -> Questions:
    """What is to be answered by the model in a folder.

    Raises:
        UsageError: nothing was asked, or a text and a file, or what was typed is no pair.
        DataError: the file cannot be read, or a row of it is no question.
    """
    typed, named = _told_apart([] if texts == ["-"] else texts, file)  # `-` is standard input
    if typed and named:
        raise UsageError("texts and --file were both given", hint="give one of them")
    is_unsaid = not any(map(str.strip, typed)) if typed else named is None and sys.stdin.isatty()
    if is_unsaid:
        raise UsageError("no text was given", hint='for example sintonia predict RUN "turn the light on"')
    if named and not named.exists():
        raise UsageError(f"there is no file `{named}`", hint="check the path", where="--file")
    if named and (named.is_dir() or names_table(named)):
        asked = _of_table(named, prepared)
    else:
        lines = typed or _lines(named)
        asked = _of_inputs(_asked(lines, _reads_pairs(folder, prepared, task), task, is_typed=bool(typed)), named)
    return _each_text(asked) if task == "embed" else asked


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
    path = Path(word)
    return not re.search(r"\s", word.strip()) and (path.suffix.lower() in PLAIN_SUFFIXES or names_table(path))


def names_table(path: Path) -> bool:
    """Whether a file is by its name one of rows, and not of one text a line."""
    from sintonia.prepare import SUFFIXES

    return path.suffix.lower() in {*SUFFIXES, *_ALSO} - PLAIN_SUFFIXES


def _reads_pairs(folder: Path, prepared: Prepared | None, task: str) -> bool:
    """Whether the model reads two texts at once."""
    from sintonia.use import takes_pairs

    if task == "embed":
        return False
    return "first" in prepared.columns if prepared else takes_pairs(folder)


def _asked(lines: Sequence[str], is_of_pairs: bool, task: str, *, is_typed: bool) -> list[Any]:
    """The inputs as the model reads them: of one that reads pairs two texts typed, or lines with a tab between; of a
    blank line None.

    Raises:
        UsageError: the texts that were typed are no pair, or a line holds none.
    """
    if task in ("chat", "prefer"):
        return [{"messages": [{"role": "user", "content": line}]} if line.strip() else None for line in lines]
    if not is_of_pairs:
        return [line if line.strip() else None for line in lines]
    if is_typed and len(lines) == 2:
        return [(lines[0], lines[1])]
    pairs = [tuple(one.split("\t")) if one.strip() else None for one in lines]
    wrong = [one for one in pairs if one and (len(one) != 2 or not all(map(str.strip, one)))]
    if wrong:
        expected = 'both texts: sintonia predict RUN "one" "the other", or one pair a line with a tab between'
        what = f"the model reads pairs, and {len(wrong)} of {len(pairs)} inputs are none"
        raise UsageError(what, expected=expected, hint="a table needs the columns of the data of the run")
    return pairs


def _of_inputs(inputs: list[Any], file: Path | None) -> Questions:
    """Inputs that stand in no table: their texts are the columns."""
    names = ("first", "second") if any(isinstance(one, tuple) for one in inputs) else ("input",)

    def read() -> Iterator[tuple[dict[str, Any], Any]]:
        for one in inputs:
            texts = (
                one if isinstance(one, tuple) else (one["messages"][0]["content"] if isinstance(one, dict) else one,)
            )
            yield dict(zip(names, texts if one is not None else [""] * len(names), strict=True)), one

    blank = tuple(number for number, one in enumerate(inputs, start=1) if one is None)
    columns = dict.fromkeys(names, _STR)
    return Questions(columns=columns, num_rows=len(inputs), read=read, file=file, blank_lines=blank)


def _of_table(file: Path, prepared: Prepared | None) -> Questions:
    """The input column or columns, as it is called in the data of the run."""
    if prepared is None:
        raise DataError(
            f"a {file.suffix} file has columns, and a model alone does not know which holds the texts",
            where=str(file),
            expected="plain text, one text a line",
            hint="name the run instead, whose data have the same columns",
        )
    from sintonia.prepare import read_inputs

    found = read_inputs(file, prepared)
    rows, blank = found.num_rows, found.blank_lines
    return Questions(columns=found.columns, num_rows=rows, read=found.read, file=file, blank_lines=blank)


def _each_text(asked: Questions) -> Questions:
    """Of two texts that were scored together, each has an embedding of its own, and so a row."""

    def read() -> Iterator[tuple[dict[str, Any], Any]]:
        for values, one in asked.read():
            for text in one if isinstance(one, tuple) else (one,):
                yield {**values, "input": text}, text

    return replace(asked, columns={**asked.columns, "input": _STR}, read=read)


def _lines(file: Path | None) -> list[str]:
    """One text a line, of a file or of standard input; blank ones stay where something stands in another."""
    name = str(file) if file else "standard input"
    try:
        content = file.read_bytes().decode("utf-8-sig") if file else sys.stdin.read().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise DataError(f"byte {error.start} is not UTF-8", where=name, hint="save the file as UTF-8") from None
    lines = [line.removesuffix("\r") for line in content.removesuffix("\n").split("\n")]
    if not any(map(str.strip, lines)):
        raise DataError("there is no text", where=name, expected="one text a line")
    return lines

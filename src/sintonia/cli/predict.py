"""`sintonia predict`: answers new texts with the model of a run, or of a folder that was made from one.

One line a text on standard output.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
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
NO_LABEL = "(no label)"
"""What stands for an answer without any label on a line."""


def predict(
    path: Annotated[Path, typer.Argument(metavar="RUN|MODEL", help="The run folder, or the folder of a model.")],
    texts: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="The texts to answer.")] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="A file with one text a line, or a table.")] = None,
    as_json: JsonOption = False,
) -> int:
    """Answer new texts with the model of a run."""
    model, prepared = _model(path)
    typed, named = _told_apart(texts or [], file)
    inputs: list[Any] = _inputs(typed, named, prepared)
    if _task_of(model) == "embed":  # of two texts that were scored together, each has an embedding of its own
        halves = [half for one in inputs for half in ((one,) if isinstance(one, str) else one)]
        return _print_embeddings(model, halves, as_json=as_json)
    inputs = _paired(inputs, model, prepared, is_typed=bool(typed))
    if _task_of(model) == "tag":
        return _print_tags(model, inputs, prepared, as_json=as_json)
    answers = _answers(model, inputs)
    if as_json:
        show_json(answers)
        return 0
    for text, answer in zip(inputs, answers, strict=True):
        sure = [f"{answer['confidence']:.3f}"] if "confidence" in answer else []
        texts_read = [text] if isinstance(text, str) else list(text)
        print("\t".join([_one_line(answer["prediction"]) or NO_LABEL, *sure, *map(_one_line, texts_read)]))
    return 0


def _paired(inputs: list[Any], model: Path, prepared: Prepared | None, *, is_typed: bool) -> list[Any]:
    """The inputs as the model reads them: of one that reads pairs two texts typed, or lines with a tab between.

    Raises:
        UsageError: the texts that were typed are no pair.
        DataError: a line holds none.
    """
    from sintonia.evaluate import takes_pairs

    is_of_pairs = "first" in prepared.columns if prepared else takes_pairs(model)
    if not is_of_pairs or not all(isinstance(one, str) for one in inputs):
        return inputs
    if is_typed and len(inputs) == 2:
        return [(inputs[0], inputs[1])]
    pairs = [tuple(one.split("\t")) for one in inputs]
    wrong = [number for number, one in enumerate(pairs, start=1) if len(one) != 2 or not all(map(str.strip, one))]
    if wrong:
        expected = 'both texts: sintonia predict RUN "one" "the other", or one pair a line with a tab between'
        what = f"the model reads pairs, and {len(wrong)} of {len(pairs)} inputs are none"
        raise UsageError(what, expected=expected, hint="a table needs the columns of the data of the run")
    return pairs


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
    learned = {"chat": "chat", "prefer": "prefer answers", "pretrain": "go on in plain text"}
    if task in learned and model.is_dir():
        raise UsageError(
            f"`{asked}` learned to {learned[task]}, and `predict` writes no text",
            expected="a run of a task with labels, numbers, spans or embeddings",
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


def _answers(model: Path, inputs: list[Any]) -> list[dict[str, Any]]:
    """What the model answers to each input, of a label with its probability."""
    from sintonia.evaluate import answer_inputs

    return [{"input": one, **answer} for one, answer in zip(inputs, answer_inputs(model, inputs), strict=True)]


def _print_embeddings(model: Path, inputs: list[str], *, as_json: bool) -> int:
    """The embedding of each text: numbers between -1 and 1, of length one; their products are cosines."""
    from sintonia.evaluate import embed_texts

    rows = [[round(float(one), 6) for one in row] for row in embed_texts(model, inputs)]
    if as_json:
        show_json([{"input": text, "embedding": row} for text, row in zip(inputs, rows, strict=True)])
        return 0
    for text, row in zip(inputs, rows, strict=True):
        print(f"{' '.join(map(str, row))}\t{_one_line(text)}")
    return 0


def _print_tags(model: Path, inputs: list[Any], prepared: Prepared | None, *, as_json: bool) -> int:
    """The spans of each text, their labels and words, as JSON also where they stand; of tokens a tag each, written as
    in the data of the run."""
    from sintonia.evaluate import tag_texts
    from sintonia.prepare import tags_of_tokens

    rows, lines = [], []
    for one, found in zip(inputs, tag_texts(model, inputs), strict=True):
        text = one if isinstance(one, str) else one["text"]
        if isinstance(one, str) or "tokens" not in one:
            spans = [
                {"start": start, "end": end, "label": label, "text": text[start:end]} for start, end, label in found
            ]
            rows.append({"input": text, "spans": spans})
            lines.append(("; ".join(f"{span['label']}: {span['text']}" for span in spans) or "-", text))
            continue
        tags = tags_of_tokens(one["tokens"], found, prepared.form if prepared else "")
        rows.append({"input": [text[start:end] for start, end in one["tokens"]], "tags": tags})
        lines.append((" ".join(tags), text))
    if as_json:
        show_json(rows)
        return 0
    for told, text in lines:
        print(f"{_one_line(told)}\t{_one_line(text)}")
    return 0


def _inputs(texts: list[str], file: Path | None, prepared: Prepared | None) -> list[Any]:
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
        return list(_of_table(file, prepared))
    return _lines(file)


def _of_table(file: Path, prepared: Prepared | None) -> Sequence[Any]:
    """The input column or columns, as it is called in the data of the run."""
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

"""`sintonia predict`: answers new texts with the model of a run, or of a folder that was made from one.

One line a text on standard output, or a file of answers. What is asked is read in `asking.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sintonia.audit import record
from sintonia.cli.asking import Questions, model_and_data, questions
from sintonia.cli.options import JsonOption
from sintonia.cli.screen import say, show_json
from sintonia.cli.vaults import tell_handed_out
from sintonia.errors import UsageError
from sintonia.files import sha256_file
from sintonia.records import Prepared

if TYPE_CHECKING:
    from sintonia.use import Answerer, Embedder, Speaker

NO_LABEL = "(no label)"
"""What stands for an answer without any label on a line."""
CONVERSATIONS_AT_ONCE = 256
"""Of those that a model writes to, so many are held in memory and sorted by length."""
WRITTEN_TOKENS = 512
MOST_LINES = 20
"""Numbers of blank lines that are named."""

Answer = dict[str, Any]
Way = Callable[[Sequence[Any]], list[Answer]]


def predict(
    path: Annotated[Path, typer.Argument(metavar="RUN|MODEL", help="The run folder, or the folder of a model.")],
    texts: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="The texts to answer.")] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="A file with one text a line, or a table.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the answers there, beside the input: .csv, .jsonl or .parquet."),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, metavar="N", help="The longest answer of a model that writes.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Answer new texts with the model of a run."""
    from sintonia.use import Shelf, Speaker, format_of

    if out is not None:
        format_of(out)
        if as_json:
            raise UsageError("--out and --json were both given", hint="`--out NAME.jsonl` writes JSON")
    folder, prepared, task = model_and_data(path)
    asked = questions(texts or [], file, prepared, folder, task)
    _refuse_over_others(out, asked.file, path)
    _tell_blank(asked)
    model = Shelf().open(path)
    if max_tokens is not None and not isinstance(model, Speaker):
        raise UsageError(f"`{path}` writes no texts", hint="leave it out", where="--max-tokens")
    if out is not None:
        count = _write(out, asked, model, max_tokens or WRITTEN_TOKENS, prepared)
        record("prediction", model=path.name, rows=count, out=out.name, sha256=sha256_file(out))
        tell_handed_out(folder, (out,))
        return 0
    told = ((one, answer) for _, one, answer in _answered(asked, model, max_tokens or WRITTEN_TOKENS))
    if as_json:
        show_json([_body(*pair, prepared) for pair in told])
        return 0
    for one, answer in told:
        print("\t".join(_columns(one, answer, prepared)))
    return 0


def _tell_blank(asked: Questions) -> None:
    """Rows in which nothing stands, by their lines: none of them is left out."""
    count = len(asked.blank_lines)
    if count:
        lines = ", ".join(map(str, asked.blank_lines[:MOST_LINES])) + (", ..." if count > MOST_LINES else "")
        what = f"{count:,} of {asked.num_rows:,} rows {'is' if count == 1 else 'are'} blank"
        say(f"{what} (line {lines}): kept in place, with an empty answer")


def _refuse_over_others(out: Path | None, file: Path | None, path: Path) -> None:
    """Nothing is written over, and nothing into a run or a model."""
    if out is None:
        return
    if out.resolve().is_relative_to(path.resolve()):
        raise UsageError(f"`{out}` lies in `{path}`", hint="name a file outside of it", where="--out")
    if file is not None and out.exists() and out.samefile(file):
        raise UsageError(f"`{out}` is the file with the texts", hint="name another file for the answers")
    if out.exists() or out.is_symlink():
        raise UsageError(f"`{out}` is there already", hint="name a new file for the answers", where="--out")


def _answered(
    asked: Questions, model: Speaker | Answerer | Embedder, max_tokens: int
) -> Iterator[tuple[dict[str, Any], Any, Answer]]:
    """The columns, what was asked and the answer of each row, in their order."""
    from collections import deque

    from sintonia.use import Speaker, answered

    waiting: deque[tuple[dict[str, Any], Any]] = deque()

    def coming() -> Iterator[Any]:
        for row in asked.read():
            waiting.append(row)
            yield row[1]

    at_once = {"chunk": CONVERSATIONS_AT_ONCE} if isinstance(model, Speaker) else {}
    way = _around_blank(_way(model, max_tokens), dict.fromkeys(_says(model)))
    with _bar(asked.num_rows) as step:
        for answer in answered(coming(), way, **at_once):
            values, one = waiting.popleft()
            yield values, one, answer
            step()


def _way(model: Speaker | Answerer | Embedder, max_tokens: int) -> Way:
    """How a model answers several inputs."""
    from sintonia.use import Answerer, Embedder

    if isinstance(model, Answerer):
        return model.answer
    if isinstance(model, Embedder):
        return lambda some: [{"embedding": [round(float(one), 6) for one in row]} for row in model.embed(some)]
    return lambda some: [
        {"prediction": one.text, "finish_reason": one.finish_reason} for one in model.write_all(some, max_tokens)
    ]


def _around_blank(way: Way, empty: Answer) -> Way:
    """The same, with the empty answer where nothing is asked."""

    def both(some: Sequence[Any]) -> list[Answer]:
        inputs = [one for one in some if one is not None]
        said = iter(way(inputs) if inputs else [])
        return [empty if one is None else next(said) for one in some]

    return both


def _says(model: Speaker | Answerer | Embedder) -> tuple[str, ...]:
    """What an answer of the model holds."""
    from sintonia.use import Answerer, Embedder

    if isinstance(model, Answerer):
        return (*model.says, "tags") if model.task == "tag" else model.says
    return ("embedding",) if isinstance(model, Embedder) else ("prediction", "finish_reason")


@contextmanager
def _bar(num_rows: int) -> Iterator[Callable[[], None]]:
    """A bar on standard error where that is a terminal and standard output is none: there the answers show it."""
    if not sys.stderr.isatty() or (sys.stdout.isatty() and num_rows < CONVERSATIONS_AT_ONCE):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        number = bar.add_task("answers", total=num_rows)
        yield lambda: bar.advance(number)


def _write(
    out: Path, asked: Questions, model: Speaker | Answerer | Embedder, max_tokens: int, prepared: Prepared | None
) -> int:
    from sintonia.use import Answerer, Columns, write_answers

    labels = model.labels if isinstance(model, Answerer) else ()
    columns = Columns(inputs=asked.columns, answers=_says(model), labels=labels)
    rows = ((values, _with_tags(one, answer, prepared)) for values, one, answer in _answered(asked, model, max_tokens))
    count = write_answers(out, rows, columns)
    if columns.prefix:
        say(f"the input has a column named as one of the answers: these begin with `{columns.prefix}`")
    say(f"{count - len(asked.blank_lines):,} answers in {out}")
    return count


def _with_tags(one: Any, answer: Answer, prepared: Prepared | None) -> Answer:
    """The same, with a tag for each token where tokens were asked for."""
    if not isinstance(one, dict) or "tokens" not in one:
        return answer
    from sintonia.prepare import tags_of_tokens

    found = tuple((span["start"], span["end"], span["label"]) for span in answer["spans"])
    return {**answer, "tags": tags_of_tokens(one["tokens"], found, prepared.form if prepared else "")}


def _body(one: Any, answer: Answer, prepared: Prepared | None) -> dict[str, Any]:
    """One answer for a program."""
    if one is None or "spans" not in answer:
        return {"input": one, **answer}
    said = _with_tags(one, answer, prepared)
    if "tags" in said:
        return {"input": [one["text"][start:end] for start, end in one["tokens"]], "tags": said["tags"]}
    return {"input": one if isinstance(one, str) else one["text"], "spans": said["spans"]}


def _columns(one: Any, answer: Answer, prepared: Prepared | None) -> Iterable[str]:
    """One answer as the columns of a line, the input last."""
    if one is None:
        is_pair = prepared is not None and "second" in prepared.columns
        return ("",) * (2 + ("confidence" in answer) + is_pair)
    if "embedding" in answer:
        return (" ".join(map(str, answer["embedding"])), _one_line(one))
    if "spans" in answer:
        said = _with_tags(one, answer, prepared)
        told = " ".join(said["tags"]) if "tags" in said else said["prediction"] or "-"
        return (_one_line(told), _one_line(one if isinstance(one, str) else one["text"]))
    sure = [f"{answer['confidence']:.3f}"] if "confidence" in answer else []
    is_written = "finish_reason" in answer
    prediction = _one_line(answer["prediction"].strip() if is_written else answer["prediction"])
    return (prediction or ("" if is_written else NO_LABEL), *sure, *map(_one_line, _texts_of(one)))


def _texts_of(one: Any) -> list[str]:
    """What was asked, as texts: of a conversation the last message."""
    if isinstance(one, str):
        return [one]
    return [str(one["messages"][-1]["content"])] if isinstance(one, dict) else list(one)


def _one_line(text: str) -> str:
    """Control characters escaped: one answer is one line, and nothing reaches the terminal."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)

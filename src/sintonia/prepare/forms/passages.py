"""Plain text as examples of `pretrain`: passages of about equal length, cut where paragraphs end. Nothing is left out.

A passage is counted in bytes, not in tokens: no tokenizer makes more tokens of a text than it has bytes, so that a
passage of 1,000 bytes is read whole by every base that reads 1,024 tokens, whichever is chosen later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from sintonia.normalise import short_hash
from sintonia.prepare.columns import Undecided, shape_of
from sintonia.prepare.forms.form import Form, Match, Parsed
from sintonia.prepare.forms.looking import NAMED, SURE, named, text_in
from sintonia.prepare.readers.prose import COLUMN, CONTAINER
from sintonia.prepare.table import Row, Source, Table, of_file, shown

MANY_DOCUMENTS = 20
"""From so many texts on all passages of one stay in one set."""
STRETCH = 3
"""Of fewer texts, neighbouring passages that stay in one set: what follows the other is often about the same."""
_SENTENCE = re.compile(r"[.!?…]['\")\]»”’]*\s")
_ROLES: dict[str, tuple[str, ...]] = {"text": ("text", "content", "document", "body", "testo", "documento", "context")}


def cut_into_passages(source: Source, columns: Mapping[str, str], most_bytes: int) -> Iterator[Row]:
    """The rows of a source as passages of at most so many UTF-8 bytes, each with what stays together with it.

    Paragraphs of one text are joined; rows of a table never are, and one that holds no text is given on as it is.
    """
    column = columns["text"]
    is_prose = source.container == CONTAINER
    stretch = STRETCH if is_prose and source.num_documents < MANY_DOCUMENTS else 0
    for rows in _documents(source):
        passages = _passages(rows, column, most_bytes, has_lines=is_prose)
        yield from _in_stretches(passages, column, stretch)


def _documents(source: Source) -> Iterator[Iterator[Row]]:
    """The rows of each text: of a table each row is one."""
    if source.container != CONTAINER:
        yield from (iter((row,)) for row in source.read())
        return
    for _, rows in groupby(source.read(), key=lambda row: row.file):
        yield rows


def _in_stretches(passages: Iterator[Row], column: str, stretch: int) -> Iterator[Row]:
    """Passages that know what they stay together with: by the text of the first of them, wherever that stands."""
    group = ""
    for number, row in enumerate(passages):
        if number == 0 or (stretch and number % stretch == 0):
            text = row.values.get(column)
            group = short_hash("passage", text) if isinstance(text, str) else ""
        yield Row(row.line, row.values, row.file, group)


def _passages(rows: Iterable[Row], column: str, most_bytes: int, *, has_lines: bool) -> Iterator[Row]:
    """What the paragraphs of one text come to; `has_lines` says that line ends of the text are those of the file."""
    held: list[str] = []
    num_bytes, first = 0, Row(1, {})
    for row in rows:
        whole = row.values.get(column)
        if not isinstance(whole, str) or not whole.strip():
            yield row
            continue
        for begins, text in _pieces(whole, most_bytes):
            if held and num_bytes + _size(text.rstrip()) > most_bytes:
                yield _joined(first, held, column)
                held, num_bytes = [], 0
            if not held:
                lines_before = whole.count("\n", 0, begins) if has_lines else 0
                first = Row(row.line + lines_before, row.values, row.file)
            held.append(text)
            num_bytes += _size(text)
    if held:
        yield _joined(first, held, column)


def _joined(first: Row, texts: list[str], column: str) -> Row:
    return Row(first.line, {**first.values, column: "".join(texts).strip()}, first.file)


def _pieces(text: str, most_bytes: int) -> Iterator[tuple[int, str]]:
    """Parts of a paragraph with where they begin: the text itself where it fits, else cut behind a line, else behind a
    sentence, else between words, else between characters."""
    begins = 0
    while begins < len(text):
        window = text[begins : begins + most_bytes]
        while (size := _size(window)) > most_bytes:
            window = window[: max(len(window) * most_bytes // size, 1)]
        if begins + len(window) < len(text):
            window = window[: _place_to_cut(window)]
        if window.strip():
            yield begins, window
        begins += len(window)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _place_to_cut(window: str) -> int:
    """Behind the last line of the second half, or sentence, or word; all of it where there is none."""
    half = len(window) // 2
    line = window.rfind("\n", half)
    if line >= 0:
        return line + 1
    ends = [found.end() for found in _SENTENCE.finditer(window, half)]
    if ends:
        return ends[-1]
    space = window.rfind(" ", half)
    return space + 1 if space >= 0 else len(window)


def _recognise_prose(table: Table, _asked: Mapping[str, str]) -> Match | None:
    if table.container != CONTAINER:
        return None
    why = f"text: paragraphs are joined to passages; {_kept_together(STRETCH)}"
    return Match(form=PROSE.name, confidence=SURE, columns={"text": COLUMN}, why=(why,))


def _kept_together(stretch: int) -> str:
    return (
        f"{stretch} neighbouring ones stay in one set, and from {MANY_DOCUMENTS} files on all those of a file: what "
        "stands side by side is often alike, and one would help to guess the other"
    )


def is_text_alone(table: Table) -> bool:
    """Whether one column holds free text and no other could be its target."""
    shapes = [shape_of(table, name) for name in table.columns]
    return sum(one.may_be_text for one in shapes) == 1 and not any(one.may_be_class for one in shapes)


def _recognise_column(table: Table, asked: Mapping[str, str]) -> Match | None:
    """A column by its name, or else the only one of free text.

    Raises:
        Undecided: no column is one of text, or several are.
    """
    if table.container == CONTAINER:
        return None
    column = named(table, "text", _ROLES["text"], asked)
    if column is None:
        texts = [name for name in table.columns if shape_of(table, name).may_be_text]
        if len(texts) != 1:
            raise _unclear(table, texts)
        column = texts[0]
    why = f"columns: `{shown(column)}` is the text, no other column is learned; all passages of a row stay in one set"
    return Match(form=OF_COLUMN.name, confidence=NAMED, columns={"text": column}, why=(why,))


def _unclear(table: Table, texts: list[str]) -> Undecided:
    what = f"{len(texts)} columns may be the text: {of_file(texts)}" if texts else "no column looks like text"
    return Undecided(
        f"{what}; columns of the file: {of_file(table.columns)}",
        where=f"{table.path}:1",
        expected="one column of text",
        hint=f"say which: `--columns text={shown(texts[0]) if texts else 'NAME'}`",
        confidence=0.7,
    )


def _parse(row: Row, columns: Mapping[str, str]) -> Parsed:
    text = text_in(row.values, columns["text"])
    return Parsed(input=text, target="", text=text, answer="")


PROSE = Form(
    name="passages of plain text",
    task="pretrain",
    roles={"text": (COLUMN,)},
    recognise=_recognise_prose,
    parse=_parse,
    cut=cut_into_passages,
)
OF_COLUMN = Form(
    name="passages of a column",
    task="pretrain",
    roles=_ROLES,
    recognise=_recognise_column,
    parse=_parse,
    is_only_asked_for=True,
    cut=cut_into_passages,
)
FORMS = (PROSE, OF_COLUMN)

"""Malformed lines: JSON that is none or too much, CSV whose quotes or widths are wrong, CoNLL, files without rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from tests.reliability.malformed.case import SECRET, Case, csv_lines, joined, jsonl, put, rows, written

_OPEN = f'{{"text": "{SECRET}", "label": '


def _in_json(kind: str, number: int, bad: str, draw: Random) -> Case:
    """A bad row among 60 good ones, by turns in lines and in a document."""
    lines, place = jsonl(rows(60, draw)), draw.randrange(3, 57)
    if number % 2 == 0:
        content, name = joined(put(lines, place, bad)), "rows.jsonl"
    else:
        content, name = "[\n" + ",\n".join(put(lines, place - 1, bad)) + "\n]\n", "rows.json"
    return Case(kind=kind, number=number, name=name, make=written(content), line=place + 1)


def _json_kind(kind: str, bad: Callable[[int, Random], str]) -> Callable[[Random], Iterator[Case]]:
    def generate(draw: Random) -> Iterator[Case]:
        for number in range(20):
            yield _in_json(kind, number, bad(number, draw), draw)

    return generate


def _surrogate(number: int, draw: Random) -> str:
    half = draw.choice((r"\ud83d", r"\udc00", r"\uDFFF x", r"\ud83d\ud83d", r"\ude00\ud83d"))
    texts = (f'"x {half}"', f'["{half}"]', f'{{"{half}": 1}}', f'"\\u00e8{half}\\u00e8"')
    return _OPEN + texts[number // 2 % 4] + "}"


def _deep(number: int, draw: Random) -> str:
    levels = (64, 65, 100, 900, 5000, 20_000, 100_000)[number % 7]
    opening, closing = (("[", "]"), ('{"a":', "}"))[number // 2 % 2]
    return _OPEN + opening * levels + ("1" + closing * levels + "}" if number < 14 else "")


def _twice(number: int, draw: Random) -> str:
    inner = (
        '"a", "text": "x"',
        '"a", "label": "a"',
        '{"b": 1, "b": 1}',
        '[{"b": {"c": 1, "\\u0063": 2}}]',
        '1, "label": NaN',
    )
    return _OPEN + inner[number // 2 % 5] + "}"


def _literal(number: int, draw: Random) -> str:
    literals = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "[1e400]", "nan", "+1", "01", ".5")
    return _OPEN + literals[number // 2] + "}"


def _digits(number: int, draw: Random) -> str:
    digits = draw.choice("123456789") * (301, 400, 4300, 4301, 100_000)[number // 2 % 5]
    return _OPEN + ("", "-")[number // 10] + digits + "}"


def _other(number: int, draw: Random) -> str:
    """Not an object; in a document these are elements of the list."""
    return (f'["{SECRET}", "a"]', f'"{SECRET}"', "null", "true", "12", "-1.5", "[]", '""', "[[]]", "false")[number // 2]


def _broken(number: int, draw: Random) -> str:
    whole = f'{{"text": "{SECRET} x", "label": "a"}}'
    return (
        whole[: draw.randrange(3, len(whole) - 1)],
        whole.replace(":", "", 1),
        whole.replace('"', "'"),
        whole.replace("}", ",}"),
        whole.replace(", ", " "),
        whole + "}",
        whole.replace(SECRET, SECRET + "\\x"),
        whole.replace(SECRET, SECRET + "\t"),
        whole.replace('"a"', "a"),
        whole.replace('"a"', "True"),
    )[number // 2]


surrogates = _json_kind("surrogate", _surrogate)
deep = _json_kind("deep", _deep)
keys = _json_kind("key twice", _twice)
literals = _json_kind("literal", _literal)
digits = _json_kind("digits", _digits)
not_objects = _json_kind("not an object", _other)


def broken(draw: Random) -> Iterator[Case]:
    """JSON that is cut or mistyped. In a document the error may show only after the broken element."""
    for number in range(20):
        case = _in_json("broken JSON", number, _broken(number, draw), draw)
        is_lines = case.name.endswith("jsonl")
        yield Case(kind=case.kind, number=number, name=case.name, make=case.make, line=case.line if is_lines else None)


def quotes(draw: Random) -> Iterator[Case]:
    """A quote that never closes, or closes too early, in a random row."""
    for number in range(20):
        delimiter = ",;\t|"[number % 4]
        lines = [line.replace(",", delimiter) for line in csv_lines(rows(60, draw))]
        place = draw.randrange(2, 60)
        bad = (
            f'"{SECRET} says{delimiter}a',
            f'"{SECRET}" says{delimiter}a',
            f'{SECRET}{delimiter}"a',
            f'"{SECRET} ""says""{delimiter}a',
            f'"{SECRET}"{delimiter}"a" b',
        )[number // 4]
        yield Case(
            kind="quote",
            number=number,
            name="rows.tsv" if delimiter == "\t" else "rows.csv",
            make=written(joined(put(lines, place, bad))),
            line=place + 1,
        )


def widths(draw: Random) -> Iterator[Case]:
    """Rows of another width: a text with a bare separator or line end, a field missing; lines of CoNLL too."""
    for number in range(20):
        place = draw.randrange(2, 60)
        if number < 15:
            bad = (f"{SECRET}, says,a", SECRET, f"{SECRET}\nsays,a", f"{SECRET},a,", f"{SECRET},a,b,c,d,e")[number % 5]
            lines, name = put(csv_lines(rows(60, draw)), place, bad), ("rows.csv", "rows.txt", "rows.tab")[number // 5]
        else:
            lines = put([f"{SECRET} NN O"] * 60, place, (f"{SECRET} O", SECRET, f"{SECRET} a b O")[number % 3])
            name = ("rows.conll", "rows.iob", "rows.bio")[number % 3]
        yield Case(kind="width", number=number, name=name, make=written(joined(lines)), line=place + 1)


def no_rows(draw: Random) -> Iterator[Case]:
    """Empty, blank, only a mark, only a header, one column, too many columns, a name twice."""
    wide = ",".join(f"c{number}" for number in range(1001))
    contents: list[tuple[str, bytes, int | None]] = [
        (f"rows.{suffix}", content, None)
        for suffix in ("csv", "jsonl", "json", "conll", "parquet", "xlsx")
        for content in (b"", b" \n\t\r\n")
    ]
    contents += [
        ("rows.csv", b"\xef\xbb\xbf", None),
        ("rows.jsonl", b"\xff\xfe", None),
        ("rows.csv", b"text,label\n", 1),
        ("rows.json", b"[]", 1),
        ("rows.json", b'{"data": []}', 1),
        ("rows.csv", b"text\n" + SECRET.encode() * 9 + b"\n", 1),
        ("rows.csv", wide.encode() + b"\n", 1),
        ("rows.csv", b"text,text\n" + f"{SECRET},a\n".encode() * 60, 1),
    ]
    for number, (name, content, line) in enumerate(contents):
        yield Case(kind="no rows", number=number, name=name, make=written(content), line=line)
    del draw

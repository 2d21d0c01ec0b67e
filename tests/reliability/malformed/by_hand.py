"""Malformed files written by hand, each with the words that its error must say: one of each kind and of its meaning."""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass

from tests.reliability.malformed.case import SECRET


def csv_text(count: int, *, label: Callable[[int], object] = lambda number: "ab"[number % 2]) -> str:
    return "text,label\n" + "".join(f"{SECRET} says this {number},{label(number)}\n" for number in range(count))


def jsonl_text(count: int, label: Callable[[int], object] = lambda number: "ab"[number % 2]) -> str:
    rows = ({"text": f"{SECRET} says this {number}", "label": label(number)} for number in range(count))
    return "".join(json.dumps(row) + "\n" for row in rows)


def _wide(extra: str) -> str:
    header, *rows = csv_text(60).splitlines()
    return "\n".join([f"{header},{extra}", *(f"{row},{'xy'[number % 3 == 0]}" for number, row in enumerate(rows))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """A bad file: its name, its content, what the error says, and the line it points at (none: the whole file)."""

    name: str
    content: str | bytes
    says: str
    line: int | None = None
    file: str = "rows.csv"
    exit_code: int = 3


_LINES = jsonl_text(60).splitlines()

CASES = (
    Malformed(name="empty", content=b"", says="the file is empty"),
    Malformed(name="blank", content=b"\n \n\t\n", says="the file is empty"),
    Malformed(name="empty jsonl", content=b"", says="the file is empty", file="rows.jsonl"),
    Malformed(name="only a mark", content=b"\xef\xbb\xbf", says="the file is empty", file="rows.jsonl"),
    Malformed(name="header only", content="text,label\n", says="there are no rows", line=1),
    Malformed(name="one column", content="text\n" + f"{SECRET}\n" * 60, says="only one column", line=1),
    Malformed(
        name="Cyrillic",
        content=csv_text(60).encode() + "привет мир,a\n".encode("cp1251"),
        says="byte 0xef is not UTF-8, and not certainly Windows-1252 (it may be cp1251",
        line=62,
    ),
    Malformed(
        name="two encodings",
        content=jsonl_text(3).encode() + '{"text": "è"}\n'.encode() + b'{"text": "\xe8"}',
        says="line 4 holds UTF-8, and line 5",
        line=5,
        file="rows.jsonl",
    ),
    Malformed(name="cut UTF-8", content=csv_text(60).encode() + b"x\xe2\x82", says="byte 0xe2 is not UTF-8", line=62),
    Malformed(name="NUL", content=csv_text(60).replace("this 7", "th\0is").encode(), says="a NUL byte", line=9),
    Malformed(name="NUL at the end", content=csv_text(9).encode() + b"\0" * 4096, says="NUL bytes", line=11),
    Malformed(name="UTF-16 without mark", content=csv_text(60).encode("utf-16-le"), says="looks like UTF-16", line=1),
    Malformed(
        name="cut UTF-16", content=b"\xff\xfe" + csv_text(60).encode("utf-16-le")[:-1], says="not whole UTF-16", line=61
    ),
    Malformed(name="NUL in UTF-16", content=csv_text(4).replace("this 2", "\0").encode("utf-16"), says="NUL", line=4),
    Malformed(name="cut UTF-32", content=csv_text(60).encode("utf-32")[:-2], says="not whole UTF-32", line=61),
    Malformed(
        name="ragged", content=csv_text(60).replace("this 5,", "this, 5,"), says="another number of fields", line=7
    ),
    Malformed(name="short row", content=csv_text(60) + "alone\n", says="line 62: 1 field", line=62),
    Malformed(name="ragged after quotes", content='text,label\n"a\nb",x\nc,d,e\n', says="line 4: 3 fields", line=4),
    Malformed(name="open quote", content=csv_text(9) + f'"{SECRET},a\n' + "x,b\n" * 9, says="never closes", line=11),
    Malformed(
        name="text after a quote", content=csv_text(9) + f'"{SECRET}" x,a\n', says="followed by something", line=11
    ),
    Malformed(name="name twice", content="text,text\n" + "a,b\n" * 60, says="`text` twice", line=1),
    Malformed(name="no header", content=csv_text(60).split("\n", 1)[1], says="looks like data, not like names", line=1),
    Malformed(name="thousand columns", content=",".join(f"c{n}" for n in range(1001)) + "\n", says="columns", line=1),
    Malformed(name="long line", content=b"text,label\n" + b"x" * (17 * 2**20), says="longer than 16 MiB", line=2),
    Malformed(
        name="broken JSON",
        content="\n".join([*_LINES[:6], '{"text": "x", "label"', *_LINES[6:]]),
        says="line 7: expecting ':'",
        line=7,
        file="rows.jsonl",
    ),
    Malformed(name="cut JSON", content=jsonl_text(60)[:-9], says="line 60:", line=60, file="rows.jsonl"),
    Malformed(
        name="NaN",
        content=jsonl_text(5) + '{"text": "x", "label": NaN}',
        says="NaN is not JSON",
        line=6,
        file="rows.jsonl",
    ),
    Malformed(
        name="key twice",
        content=jsonl_text(5) + '{"text": "x", "text": "y"}',
        says="same key twice",
        line=6,
        file="rows.jsonl",
    ),
    Malformed(name="list as row", content=jsonl_text(5) + '["x", "a"]', says="it is a list", line=6, file="rows.jsonl"),
    Malformed(name="string as row", content=jsonl_text(5) + '"x"', says="it is a string", line=6, file="rows.jsonl"),
    Malformed(name="null as row", content=jsonl_text(5) + "null", says="it is null", line=6, file="rows.jsonl"),
    Malformed(
        name="half a character",
        content=jsonl_text(5) + '{"text": "\\ud83d", "label": "a"}',
        says="surrogate",
        line=6,
        file="rows.jsonl",
    ),
    Malformed(
        name="huge number",
        content=jsonl_text(5) + f'{{"text": "x", "label": {"9" * 5000}}}',
        says="300 digits",
        line=6,
        file="rows.jsonl",
    ),
    Malformed(
        name="deep",
        content=jsonl_text(5) + '{"text": ' + "[" * 100_000,
        says="nested deeper",
        line=6,
        file="rows.jsonl",
    ),
    Malformed(
        name="JSON object",
        content=json.dumps({"rows": 60, "text": {"0": SECRET}, "label": {"0": "a"}}, indent=1),
        says="holds no list of rows",
        line=1,
        file="rows.json",
    ),
    Malformed(
        name="broken JSON array",
        content=json.dumps([json.loads(line) for line in _LINES], indent=1).replace('"label"', '"label', 1),
        says="expecting ':' delimiter",
        line=4,
        file="rows.json",
    ),
    Malformed(name="CSV called JSONL", content=csv_text(60), says="61 lines cannot be read", line=1, file="rows.jsonl"),
    Malformed(
        name="no target",
        content="text,number\n" + "".join(f"{SECRET} says {n},{n}.5\n" for n in range(60)),
        says="no column looks like the target",
        line=1,
    ),
    Malformed(
        name="no text",
        content="number,label\n" + "".join(f"{n},{n % 2}\n" for n in range(60)),
        says="no column looks like the input",
        line=1,
    ),
    Malformed(name="two targets", content=_wide("category"), says="2 columns may be the target", line=1),
    Malformed(name="one class", content=csv_text(60, label=lambda _: "a"), says="the same `label`", line=1),
    Malformed(
        name="free text as label",
        content=csv_text(100, label=lambda n: f"answer {n}"),
        says="too many for classes",
        line=1,
    ),
    Malformed(
        name="mostly empty",
        content=csv_text(60, label=lambda n: "ab"[n % 2] if n % 3 == 0 else ""),
        says="`label` is empty",
        line=3,
    ),
    Malformed(name="ten rows", content=csv_text(10), says="10 usable rows", line=11),
    Malformed(
        name="ten rows many times", content=jsonl_text(10) * 20, says="190 set aside", line=200, file="rows.jsonl"
    ),
    Malformed(name="pickle", content=pickle.dumps({"text": 1}), says="pickle", file="rows.jsonl"),
    Malformed(name="gzip", content=gzip.compress(csv_text(60).encode()), says="gzip"),
    Malformed(name="parquet", content=b"PAR1" + b"\0" * 99, says="Parquet", file="rows.parquet"),
    Malformed(name="unknown format", content=csv_text(60), says="not a format that can be read", file="rows.docx"),
    Malformed(name="no suffix", content=csv_text(60), says="not a format that can be read", file="rows"),
)

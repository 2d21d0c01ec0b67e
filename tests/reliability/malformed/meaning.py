"""Files that a reader reads and prepare cannot use as they are: rows that lack or confuse what a row must say."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import openpyxl
import pyarrow
import pyarrow.parquet

from tests.reliability.malformed.case import SECRET, SET_ASIDE, Case, joined, jsonl, rows, written

_BAD_ROWS = 5


def _spoiled(draw: Random, bad: Any) -> list[dict[str, Any]]:
    """60 good rows, and five among them with something else."""
    some = rows(60, draw)
    for place in draw.sample(range(60), _BAD_ROWS):
        some[place] = some[place] | bad
    return some


def missing(draw: Random) -> Iterator[Case]:
    """A text or a label that is empty, blank, null or absent in five rows, in every container."""
    for number in range(20):
        bad = ({"label": ""}, {"text": ""}, {"label": None}, {"text": "  "})[number % 4]
        suffix = ("jsonl", "json", "parquet", "xlsx", "csv")[number // 4]
        some = _spoiled(draw, bad)
        if suffix == "csv":
            lines = [f'"{row["text"] or ""}","{row["label"] or ""}"' for row in some]
            content: bytes = joined(["text,label", *lines]).encode()
        else:
            content = _packed(some, suffix)
        yield Case(
            kind="missing", number=number, name=f"rows.{suffix}", make=written(content), outcome=SET_ASIDE, num_rows=60
        )


def mixed(draw: Random) -> Iterator[Case]:
    """Columns of several types: a list, an object, a number or a truth where a text or a label is expected."""
    values: tuple[Any, ...] = ([SECRET], {"a": SECRET}, 7, 1.5, True, [], {}, [[1]], {"a": [SECRET]}, -3)
    for number in range(20):
        some = _spoiled(draw, {("text", "label")[number % 2]: values[number // 2]})
        content = joined(jsonl(some)) if number % 4 < 2 else json.dumps(some)
        name = "rows.jsonl" if number % 4 < 2 else "rows.json"
        yield Case(kind="mixed", number=number, name=name, make=written(content), outcome=SET_ASIDE, num_rows=60)


def chats(draw: Random) -> Iterator[Case]:
    """Conversations with wrong roles, no turn of the assistant, no content, or no turns at all."""

    def turn(role: Any, content: Any = f"{SECRET} says") -> dict[str, Any]:
        return {"role": role, "content": content}

    bad: tuple[Any, ...] = (
        [turn("user")],
        [],
        [turn("robot"), turn("assistant")],
        [turn("assistant"), turn("user")],
        [turn("user"), turn("assistant", "")],
        [turn("user"), turn("assistant", None)],
        [turn("user"), {"role": "assistant"}],
        [turn("user"), turn(None)],
        [turn("user"), turn("assistant", 7)],
        "user: x",
    )
    for number in range(20):
        good = [{"messages": [turn("user", f"{SECRET} {k}"), turn("assistant", f"answer {k}")]} for k in range(60)]
        for place in draw.sample(range(60), _BAD_ROWS):
            good[place] = {"messages": bad[number // 2]}
        content = joined(jsonl(good)) if number % 2 else json.dumps(good, indent=1)
        name = "rows.jsonl" if number % 2 else "rows.json"
        yield Case(kind="chat", number=number, name=name, make=written(content), outcome=SET_ASIDE, num_rows=60)


def _packed(some: list[dict[str, Any]], suffix: str) -> bytes:
    if suffix == "jsonl":
        return joined(jsonl(some)).encode()
    if suffix == "json":
        return json.dumps(some).encode()
    stream = io.BytesIO()
    if suffix == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(some), stream)
        return stream.getvalue()
    book = openpyxl.Workbook()
    for row in (("text", "label"), *((row["text"], row["label"]) for row in some)):
        book.active.append(row)
    book.save(stream)
    return stream.getvalue()

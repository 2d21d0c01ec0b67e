"""Data with 100 words that occur nowhere else, and where such words are looked for. It trains nothing."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.tiny import make_conversations, make_rows

PLANTS = tuple(f"zq{number:02d}{random.Random(number).randrange(16**6):06x}" for number in range(100))
"""In texts the first 60, in the other columns 20 more, in rows that are wrong the last 20."""
_TEXTS, _FIELDS, _WRONG = PLANTS[:60], PLANTS[60:80], PLANTS[80:]
Rows = list[dict[str, Any]]


def planted_rows(count: int = 320) -> Rows:
    """Rows of texts with labels: words of chance, words that give a label away, columns beside, and wrong rows."""
    rows: Rows = []
    for number, row in enumerate(make_rows(count)):
        telling = f" {PLANTS[1]}" if row["label"] == "food" else ""
        text = f"{row['text']} {_TEXTS[number % 60]}{telling}"
        rows.append({**row, "text": text, "channel": _FIELDS[number % 4], "written": _FIELDS[4 + number % 16]})
    wrong = iter(_WRONG)
    again = {"text": f"{next(wrong)} twice", "label": "food"}
    rows += [again, again, {**again, "label": "music"}]
    rows += [{"text": "", "label": "food", "channel": next(wrong)}, {"text": next(wrong), "label": ""}]
    rows += [{"text": [next(wrong)], "label": "food"}, {"text": {"a": next(wrong)}, "label": "food"}]
    rows += [{"text": None, "label": "food", "written": next(wrong)}, {"text": next(wrong)}, {"label": "food"}]
    rows += [{"text": next(wrong), "label": ["food", next(wrong)]}, {"text": next(wrong), "label": {next(wrong): 1}}]
    return [{"channel": _FIELDS[0], "written": _FIELDS[4], **row} for row in rows]


def planted_conversations(count: int = 300) -> Rows:
    """Conversations with such words in system, question and answer, one answer far more often than the others."""
    rows: Rows = []
    for number, row in enumerate(make_conversations(count)):
        common = number % 3 == 0
        answer = f"{_TEXTS[0]} the common answer" if common else f"{row['completion']} {_TEXTS[number % 60]}"
        asked = f"{row['prompt']} {_TEXTS[(7 * number) % 60]}" + (" <|im_end|>" if number % 50 == 0 else "")
        rows.append(_conversation(asked, answer, channel=_FIELDS[number % 4]))
    wrong = iter(_WRONG)
    rows += [_conversation(next(wrong), ""), _conversation("", next(wrong)), {"messages": next(wrong)}]
    rows += [{"messages": [{"role": next(wrong), "content": next(wrong)}]}, {"messages": [next(wrong)]}]
    rows += [{"messages": [{"role": "user", "content": "hello", next(wrong): next(wrong)}]}]
    rows += [{"messages": [{"role": "user", "content": {"text": next(wrong)}}]}, {"messages": None}]
    rows += [_conversation(f"sorry {next(wrong)}", f"I'm sorry, but I can't help with {next(wrong)}")]
    return [{"channel": _FIELDS[0], **row} for row in rows]


def _conversation(question: str, answer: str, **columns: str) -> dict[str, Any]:
    said = [("system", f"be brief {_TEXTS[59]}"), ("user", question), ("assistant", answer)]
    return {"messages": [{"role": role, "content": content} for role, content in said], **columns}


def write_planted(path: Path, rows: Rows) -> Path:
    """The rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def broken_files(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Files that no reader takes, with such words where each is broken, and what to say of their columns."""
    rows = [f"{PLANTS[number]} rain,food" for number in range(40)]
    good = [json.dumps({"text": f"{plant} rain", "label": "food"}) for plant in PLANTS[:40]]
    contents = {
        "cut.jsonl": [*good, f'{{"text": "{_WRONG[0]}'],
        "bare.jsonl": [*good, f"{_WRONG[1]} is no JSON"],
        "number.jsonl": [*good, f'{{"text": NaN, "label": "{_WRONG[2]}"}}'],
        "twice.jsonl": [*good, f'{{"text": "{_WRONG[3]}", "text": "{_WRONG[4]}", "label": "food"}}'],
        "list.jsonl": [*good, f'["{_WRONG[5]}"]'],
        "fields.csv": ["text,label", *rows, f"{_WRONG[6]},food,{_WRONG[7]}"],
        "quote.csv": ["text,label", *rows, f'"{_WRONG[8]},food'],
        "headless.csv": rows,
        "repeated.csv": [f"{_WRONG[9]},{_WRONG[9]}", *rows],
        "whole.json": [f'[{{"text": "{_WRONG[10]}"}}, {_WRONG[11]}]'],
        "tagged.conll": [f"{_WRONG[12]} O extra", f"{_WRONG[13]}"],
    }
    for name, lines in contents.items():
        path = folder / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield path, []
    (folder / "bytes.jsonl").write_bytes(f'{{"text": "{_WRONG[14]} '.encode() + b'\xff", "label": "food"}\n')
    yield folder / "bytes.jsonl", []
    table = write_planted(folder / "columns.jsonl", [{"text": plant, "label": "food"} for plant in PLANTS[:40]])
    yield table, ["--columns", "input=text,target=labels"]


def found_in(text: str) -> list[str]:
    """Those of the words that stand in a text."""
    return [plant for plant in PLANTS if plant in text]


def found_below(folder: Path, left_out: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Those that stand in the files below a folder, by file, but for the folders and files that are left out."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not any(name.startswith(one) or f"/{one}" in f"/{name}" for one in left_out):
            here = found_in(path.read_bytes().decode("utf-8", "replace"))
            found |= {name: here} if here else {}
    return found

"""E40 of science.md 9: nothing that is done to the ledger, the split or the sealed test after a look goes unseen.

Either it is refused before anything is trained, or the count goes on as if nothing had been done. What leaves no trace
on the machine (another home and another copy of the data) cannot be seen, and is not claimed here.
"""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sintonia import sealed
from sintonia.errors import StorageError
from sintonia.records import Example, Place, Prepared
from sintonia.runs import RunFolder
from sintonia.sealed import ledger
from sintonia.settings import DataSettings, Recipe
from tests.unit.prepare.bench import Bench, many_rows

LOOKS, ROWS = 4, 400
SIMULATED = 240
EXAMPLES = tuple(
    Example(id=f"i{k}", input=f"a text {k}", target="ab"[k % 2], group=f"g{k}", place=Place(file="d", line=k))
    for k in range(30)
)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    return Bench(tmp_path)


def look(bench: Bench, prepared: Prepared, candidate: str) -> int:
    return sealed.open_test(prepared.parts, bench.run, candidate)[1]


def looked_at(bench: Bench, looks: int = LOOKS) -> Path:
    """A data file whose test has been opened so many times."""
    data = bench.write(many_rows(ROWS))
    prepared = bench.prepare(data)
    assert [look(bench, prepared, f"candidate {k}") for k in range(looks)] == list(range(1, looks + 1))
    return data


def everywhere(bench: Bench, name: str) -> list[Path]:
    """All copies of a file of the ledger: beside the data and at home."""
    found = sorted(path for path in bench.folder.rglob(name) if "run-" not in str(path))
    assert len(found) >= 2 or name.startswith("split"), found
    return found


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def replaced(find: str, new: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [line.replace(find, new) for line in lines]


LEDGER_EDITS: dict[str, Callable[[list[str]], list[str]]] = {
    "the first opening taken out": lambda lines: lines[:1] + lines[2:],
    "one in the middle taken out": lambda lines: lines[:2] + lines[3:],
    "the last taken out": lambda lines: lines[:-1],
    "only the last left": lambda lines: [lines[0], lines[-1]],
    "all taken out": lambda lines: lines[:1],
    "emptied": lambda lines: [],
    "its last sign taken out": lambda lines: [*lines[:-1], lines[-1].rstrip("\n")],
    "a candidate renamed as another": replaced("candidate 2", "candidate 1"),
    "an opening given to another test": lambda lines: [*lines[:-1], lines[-1].replace('"test": "', '"test": "f')],
    "a number changed": replaced('"number": 3', '"number": 2'),
    "a day changed": replaced('"time": "2', '"time": "1'),
    "two put in another order": lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    "a line twice in place of another": lambda lines: [*lines[:2], lines[1], *lines[3:]],
}


def test_e40_an_edited_ledger_is_refused_before_anything_is_trained(bench: Bench) -> None:
    """Edited in one copy or in all of them; put back, all is well again."""
    data = looked_at(bench)
    ledgers = everywhere(bench, "openings.jsonl")
    for how, edit in LEDGER_EDITS.items():
        for edited in (ledgers, ledgers[:1], ledgers[1:]):
            before = [lines_of(path) for path in edited]
            for path, lines in zip(edited, before, strict=True):
                assert edit(lines) != lines, how
                path.write_text("".join(edit(lines)), encoding="utf-8")
            with pytest.raises(StorageError, match="openings") as refused:
                sealed.seal(bench.run, {sealed.ONE_PART: EXAMPLES}, data=data)
            assert refused.value.hint, how
            for path, lines in zip(edited, before, strict=True):
                path.write_text("".join(lines), encoding="utf-8")
    sealed.seal(bench.run, {sealed.ONE_PART: EXAMPLES}, data=data)


def test_e40_prepare_refuses_it_too(bench: Bench) -> None:
    data = looked_at(bench)
    for path in everywhere(bench, "openings.jsonl"):
        path.write_text("".join(lines_of(path)[:-1]), encoding="utf-8")
    with pytest.raises(StorageError, match="openings"):
        bench.prepare(data)


def test_e40_the_control_an_untouched_ledger_goes_on_counting(bench: Bench) -> None:
    data = looked_at(bench)
    assert look(bench, bench.prepare(data), "another") == LOOKS + 1
    assert look(bench, bench.prepare(data, seed=7), "and another") == LOOKS + 2


def test_e40_a_ledger_changed_while_training_is_refused_at_the_opening(bench: Bench) -> None:
    data = looked_at(bench)
    prepared = bench.prepare(data)
    for path in everywhere(bench, "openings.jsonl"):
        path.write_text("".join(lines_of(path)[:-1]), encoding="utf-8")
    with pytest.raises(StorageError, match="openings"):
        look(bench, prepared, "another")


@pytest.mark.parametrize("name", ["openings.jsonl", "openings.seal.json"])
def test_e40_half_a_ledger_is_refused(bench: Bench, name: str) -> None:
    data = looked_at(bench)
    for path in everywhere(bench, name):
        path.unlink()
    fewer = bench.write(many_rows(370), data.name)  # other rows: whether the count goes on depends on what is shared
    with pytest.raises(StorageError, match="openings"):
        bench.prepare(fewer)


HELD_EDITS: dict[str, Callable[[Path], object]] = {
    "taken out": lambda path: path.unlink(),
    "one input of many left": lambda path: path.write_text(
        json.dumps(json.loads(path.read_text()) | {"inputs": json.loads(path.read_text())["inputs"][:1]})
    ),
    "no JSON any more": lambda path: path.write_text("{"),
}


@pytest.mark.parametrize("how", HELD_EDITS)
def test_e40_a_test_of_which_is_not_known_what_it_held_counts_and_is_told(bench: Bench, how: str) -> None:
    """Also for other data on this machine, whose count is then too strict, never too small."""
    data = looked_at(bench)
    other = bench.write([row | {"text": f"{row['text']} again and more"} for row in many_rows(800)[400:]], "o.jsonl")
    assert sealed.unknown_tests(data) == sealed.unknown_tests(other) == ()
    assert look(bench, bench.prepare(other), "control") == 1
    lost = [one for folder in everywhere(bench, "tests") for one in folder.iterdir()]
    of_data = {one.name for one in lost if one.is_relative_to(f"{data}.sintonia")}
    for path in (one for one in lost if one.name in of_data):
        HELD_EDITS[how](path)
    more = bench.write(many_rows(430), data.name)
    assert look(bench, bench.prepare(more), "another") == LOOKS + 1
    (told,) = sealed.unknown_tests(other)
    assert f"`{bench.folder / 'home'}/openings.jsonl` lists an earlier test" in told, "where its line was found"
    assert look(bench, bench.prepare(other), "and another") == LOOKS + 2, "those of the lost test, and its own two"


def test_e40_a_thinned_seal_is_refused(bench: Bench) -> None:
    """Fewer lines, and a seal that says as many."""
    data = looked_at(bench)
    for path in everywhere(bench, "openings.jsonl"):
        path.write_text("".join(lines_of(path)[:-1]), encoding="utf-8")
        seal = path.with_name("openings.seal.json")
        body = json.loads(seal.read_text(encoding="utf-8"))
        seal.write_text(json.dumps(body | {"lines": body["lines"] - 1}), encoding="utf-8")
    with pytest.raises(StorageError, match="openings"):
        bench.prepare(data)


EVASIONS: dict[str, Callable[[Bench, Path], Path]] = {
    "a new run folder": lambda bench, data: data,
    "the data file renamed": lambda bench, data: data.rename(data.with_name("other.jsonl")),
    "the data file copied elsewhere": lambda bench, data: Path(shutil.copy(data, _made(bench.folder / "elsewhere"))),
    "the folder beside it deleted": lambda bench, data: _without(data, "."),
    "the record of the split deleted": lambda bench, data: _without(data, "split.jsonl"),
    "rows put in another order": lambda bench, data: bench.write(reversed(many_rows(ROWS)), data.name),
    "rows added": lambda bench, data: bench.write(many_rows(440), data.name),
    "rows taken out": lambda bench, data: bench.write(many_rows(ROWS)[30:], data.name),
    "labels renamed": lambda bench, data: bench.write(many_rows(ROWS, ("fine", "poor", "none")), data.name),
    "texts in capitals": lambda bench, data: bench.write(
        [row | {"text": row["text"].upper() + "."} for row in many_rows(ROWS)], data.name
    ),
}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _without(data: Path, name: str) -> Path:
    path = data.with_name(data.name + ".sintonia") / name
    path.unlink() if path.is_file() else shutil.rmtree(path)
    return data


@pytest.mark.parametrize("how", EVASIONS)
def test_e40_nothing_resets_the_count(bench: Bench, how: str) -> None:
    data = EVASIONS[how](bench, looked_at(bench))
    assert look(bench, bench.prepare(data), "another") == LOOKS + 1


def test_e40_another_seed_moves_no_row_after_a_look(bench: Bench) -> None:
    data = looked_at(bench)
    before = bench.where()
    for seed in (1, 2, 3):
        prepared = bench.prepare(data, seed=seed)
        assert bench.where() == before
        assert look(bench, prepared, f"seed {seed}") == LOOKS + seed


def _swapped(record: str) -> str:
    return record.replace('"test"}', '"x"}').replace('"train"}', '"test"}').replace('"x"}', '"train"}')


SPLIT_EDITS: dict[str, Callable[[str], str]] = {
    "test and training rows swapped": _swapped,
    "one row moved": lambda record: record.replace('"train"}', '"test"}', 1),
    "a larger test": lambda record: record.replace('"test_fraction": 0', '"test_fraction": 0.3', 1),
    "a row forgotten": lambda record: "".join(record.splitlines(keepends=True)[:-1]),
    "another text in place of one": lambda record: record.replace('{"key": "t:', '{"key": "t:f', 1),
}


@pytest.mark.parametrize("how", SPLIT_EDITS)
def test_e40_a_split_edited_after_a_look_is_refused(bench: Bench, how: str) -> None:
    data = looked_at(bench)
    for path in everywhere(bench, "split.jsonl"):
        record = path.read_text(encoding="utf-8")
        path.write_text(SPLIT_EDITS[how](record), encoding="utf-8")
        assert path.read_text(encoding="utf-8") != record
    with pytest.raises(StorageError, match="split") as refused:
        bench.prepare(data)
    assert refused.value.hint


@pytest.mark.parametrize("column", ["topic", "source"])
def test_e40_a_split_by_another_column_still_counts_the_looks(bench: Bench, column: str) -> None:
    """Another split of the same rows draws a share of the rows that were looked at into its test."""
    rows = [row | {"topic": f"t{i % 97}", "source": f"s{i % 151}"} for i, row in enumerate(many_rows(ROWS))]
    data = bench.write(rows)
    columns = {"input": "text", "target": "label"}
    assert look(bench, bench.prepare(data, **columns), "first") == 1
    assert look(bench, bench.prepare(data, group=column, **columns), "second") == 2


SEAL_EDITS: dict[str, Callable[[dict], dict]] = {
    "nothing in common with other tests": lambda body: body | {"inputs": []},
    "some inputs left out": lambda body: body | {"inputs": body["inputs"][3:]},
    "the hash of another file": lambda body: body | {"file_sha256": "0" * 64},
    "another test": lambda body: body | {"sha256": "0" * 64},
}


@pytest.mark.parametrize("how", SEAL_EDITS)
def test_e40_an_edited_seal_shows_no_example(bench: Bench, how: str) -> None:
    prepared = bench.prepare(looked_at(bench))
    path = bench.run.file("data/seal.json")
    path.write_text(json.dumps(SEAL_EDITS[how](json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")
    with pytest.raises(StorageError):
        look(bench, prepared, "another")


def test_e40_any_sign_of_the_ledger_that_is_changed_is_seen(bench: Bench) -> None:
    """240 random changes of one sign or of the set of lines, in a random copy; put back, all is well again."""
    data, draw = bench.folder / "d.csv", random.Random(40)
    data.write_text("text,label\n", encoding="utf-8")
    runs = [RunFolder.create(bench.folder / f"r{k}", Recipe(data=DataSettings(path=str(data)))) for k in range(6)]
    for number, run in enumerate(runs[:5]):
        examples = tuple(dataclasses.replace(one, target=f"{one.target}{number}") for one in EXAMPLES)
        sealed_test = sealed.seal(run, {sealed.ONE_PART: examples}, data=data)[sealed.ONE_PART]
        assert ledger.count_opening(data, sealed_test.sha256, f"c{number}", sealed._inputs_of(examples)) == number + 1
    ledgers = everywhere(bench, "openings.jsonl")
    for _ in range(SIMULATED):
        path = draw.choice(ledgers)
        text = path.read_text(encoding="utf-8")
        path.write_text(_damaged(text, draw), encoding="utf-8")
        with pytest.raises(StorageError):
            sealed.seal(runs[5], {sealed.ONE_PART: EXAMPLES}, data=data)
        path.write_text(text, encoding="utf-8")
    sealed.seal(runs[5], {sealed.ONE_PART: EXAMPLES}, data=data)


def _damaged(text: str, draw: random.Random) -> str:
    if draw.random() < 0.5:
        place = draw.randrange(text.index("\n") + 1, len(text))
        return text[:place] + draw.choice([sign for sign in "0af9x" if sign != text[place]]) + text[place + 1 :]
    head, *lines = text.splitlines(keepends=True)
    kept = draw.sample(lines, draw.randrange(len(lines)))
    return head + "".join(kept)

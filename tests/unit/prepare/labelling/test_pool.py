"""A pool is read with the product's readers, each text once, and nothing in it that is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sintonia.errors import DataError, UsageError
from sintonia.prepare import read_pool, split_keys, text_key
from sintonia.settings import DataSettings
from tests.unit.prepare.bench import Bench, many_rows

SENTENCES = [f"The parcel number {number} has not arrived yet" for number in range(30)]


def _texts(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_text_file_is_a_text_a_line(tmp_path: Path) -> None:
    pool = read_pool(_texts(tmp_path / "pool.txt", [*SENTENCES[:3], "", "  ", "Dov'è la mia carta?"]), set(), {})
    assert pool.texts == (*SENTENCES[:3], "Dov'è la mia carta?")
    assert pool.num_rows == 4  # a blank line is no row


def test_known_and_repeated_texts_are_left_out_and_counted(tmp_path: Path) -> None:
    known = {text_key(SENTENCES[0])}
    lines = [SENTENCES[0].upper() + "!", *SENTENCES[:3], SENTENCES[2].lower() + " ...", SENTENCES[4]]
    pool = read_pool(_texts(tmp_path / "pool.txt", lines), known, {})
    assert pool.texts == (SENTENCES[1], SENTENCES[2], SENTENCES[4])
    assert (pool.num_rows, pool.num_known, pool.num_repeated, pool.num_empty) == (6, 2, 1, 0)
    assert "left out: 2 known already" in pool.notes[1] and SENTENCES[0] not in " ".join(pool.notes)


@pytest.mark.parametrize("name", ["pool.csv", "pool.jsonl"])
def test_the_column_is_found_by_its_name_or_by_what_it_holds(tmp_path: Path, name: str) -> None:
    rows = [{"number": str(k), "corpo": text} for k, text in enumerate(SENTENCES)]
    lines = [json.dumps(row) for row in rows]
    if name.endswith("csv"):
        lines = ["number,corpo", *(f"{row['number']},{row['corpo']}" for row in rows)]
    path = _texts(tmp_path / name, lines)
    assert read_pool(path, set(), {}).texts == tuple(SENTENCES)
    assert read_pool(path, set(), {"input": "corpo"}).texts == tuple(SENTENCES)
    assert read_pool(path, set(), {}, "number").texts == tuple(str(k) for k in range(30))


def test_a_table_of_one_column_is_enough(tmp_path: Path) -> None:
    path = _texts(tmp_path / "pool.csv", ["Text", '"one, two"', "three", '"four ""five"""'])
    assert read_pool(path, set(), {}).texts == ("one, two", "three", 'four "five"')
    with pytest.raises(DataError, match="only one column"):
        read_pool(_texts(tmp_path / "lines.csv", SENTENCES), set(), {})


def test_a_large_pool_is_drawn_evenly_and_always_the_same(tmp_path: Path) -> None:
    path = _texts(tmp_path / "pool.txt", [f"text number {number} of many" for number in range(12_000)])
    pool = read_pool(path, set(), {})
    assert len(pool.texts) == 5_000 and pool == read_pool(path, set(), {})
    numbers = [int(text.split()[2]) for text in pool.texts]
    assert numbers == sorted(numbers)
    assert 1_500 < sum(number < 4_000 for number in numbers) < 1_850
    assert "5,000 of them, drawn evenly" in pool.notes[0]


def test_a_pool_of_which_nothing_is_new_is_refused_with_the_counts(tmp_path: Path) -> None:
    path = _texts(tmp_path / "pool.txt", SENTENCES[:2])
    with pytest.raises(DataError, match="2 known already") as caught:
        read_pool(path, {text_key(one) for one in SENTENCES}, {})
    assert SENTENCES[0] not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("missing.txt", None, UsageError, "there is no file"),
        ("empty.txt", b"", DataError, "no texts"),
        ("blank.txt", b"\n \n", DataError, "no texts"),
        ("empty.csv", b"text\n", DataError, "no texts"),
        ("commas.csv", b"text\none, two\n", DataError, "line 2: 2 fields"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n" + bytes(8), DataError, "image"),
        ("broken.jsonl", b'{"text": "one two"}\n{"text": \n', DataError, "line 2"),
        ("half.txt", "città".encode("utf-16-le")[:-1] + b"\xff\xfe\x00", DataError, "half.txt"),
    ],
)
def test_a_broken_pool_is_one_error_in_words(
    tmp_path: Path, name: str, content: bytes | None, error: type[Exception], words: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=words):
        read_pool(path, set(), {})


def test_a_role_or_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = _texts(tmp_path / "pool.csv", ["text,id", *(f"{text},{k}" for k, text in enumerate(SENTENCES))])
    with pytest.raises(UsageError, match="there is no column `testo`"):
        read_pool(path, set(), {"input": "testo"})
    with pytest.raises(UsageError, match="one role"):
        read_pool(path, set(), {"target": "text"})
    with pytest.raises(UsageError, match="has no columns"):
        read_pool(_texts(tmp_path / "pool.txt", SENTENCES), set(), {"input": "text"})


def test_data_without_a_recorded_split_have_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    assert split_keys(DataSettings(path=str(tmp_path / "rows.csv")), None) == frozenset()


def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Bench, DataSettings, list[dict[str, str]]]:
    """Data whose test, validation and added rows (in columns of their own) stand in files of one's own."""
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    bench, rows = Bench(tmp_path), many_rows(600)
    added = [{"sentence": row["text"], "category": row["label"]} for row in rows[200:260]]
    asked = DataSettings(
        path=str(bench.write(rows[260:])),
        test=str(bench.write(rows[:100], "test.jsonl")),
        validation=str(bench.write(rows[100:200], "validation.jsonl")),
        added=(str(bench.write(added, "added.jsonl")),),
    )
    return bench, asked, rows


def test_texts_in_files_of_ones_own_are_known_by_their_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, asked, rows = _own_files(tmp_path, monkeypatch)
    keys = split_keys(asked, bench.prepare_data(asked))
    assert keys == {text_key(row["text"]) for row in rows}
    pool = read_pool(_texts(tmp_path / "pool.txt", [*(row["text"].upper() for row in rows), *SENTENCES]), keys, {})
    assert pool.texts == tuple(SENTENCES) and pool.num_known == 600


def test_a_test_file_that_is_gone_or_another_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, asked, rows = _own_files(tmp_path, monkeypatch)
    prepared = bench.prepare_data(asked)
    for path in (asked.validation, *asked.added):  # what was learned from them is known from the run
        Path(path or "").unlink()
    assert text_key(rows[0]["text"]) in split_keys(asked, prepared)
    for rewrite in (lambda: bench.write([{"other": "x"}], "test.jsonl"), Path(asked.test or "").unlink):
        rewrite()
        with pytest.raises(DataError, match="no text of the test") as caught:
            split_keys(asked, prepared)
        assert str(asked.test) in str(caught.value)

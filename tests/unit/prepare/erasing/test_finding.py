"""Which rows are meant: by a subject, by lines, by texts; and what nobody can have meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia.errors import DataError, UsageError
from sintonia.prepare.erasing.finding import Meant, find_rows
from sintonia.privacy.lineage import key_of_text
from sintonia.settings import DataSettings, Recipe

_LABELS = ("yes", "no")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """60 rows in CSV, each on a line, three people in turn, a second column of text."""
    lines = [f"the text number {k},{_LABELS[k % 2]},person {k % 3},other words {k}" for k in range(60)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["text,label,who,more", *lines]) + "\n")
    return path


def test_all_rows_of_a_subject_are_found_with_their_keys(file: Path) -> None:
    found = find_rows(file, Meant(subject="person 1", column="who"))
    assert found.ordinals == tuple(range(1, 60, 3)) and found.num_rows == 60
    assert found.lines == tuple(range(3, 62, 3))
    assert {key_of_text(f"the text number {k}") for k in range(1, 60, 3)} <= found.keys
    assert len(found.ids) >= 20


def test_rows_are_known_in_each_way_in_which_they_were_read(file: Path) -> None:
    recipe = Recipe(data=DataSettings(path=str(file), columns={"input": "more", "target": "label"}))
    found = find_rows(file, Meant(lines=frozenset({2})), [recipe])
    assert key_of_text("other words 0") in found.keys
    assert key_of_text("other words 0") not in find_rows(file, Meant(lines=frozenset({2}))).keys


def test_rows_of_the_same_text_are_found_by_its_key(file: Path) -> None:
    found = find_rows(file, Meant(keys=frozenset({key_of_text("The text number 4!")})))
    assert found.lines == (6,)


def test_a_subject_that_no_row_has_is_refused_in_one_line(file: Path) -> None:
    with pytest.raises(DataError, match="no row has that value in `who`"):
        find_rows(file, Meant(subject="person 9", column="who"))


def test_a_column_that_is_not_there_is_refused_with_those_that_are(file: Path) -> None:
    with pytest.raises(UsageError, match="no column `whom`") as refused:
        find_rows(file, Meant(subject="person 1", column="whom"))
    assert "who" in refused.value.hint


@pytest.mark.parametrize("line", [1, 62, 1000])
def test_a_line_on_which_no_row_begins_is_refused(file: Path, line: int) -> None:
    with pytest.raises(DataError, match=f"no row begins on line {line}"):
        find_rows(file, Meant(lines=frozenset({2, line})))


def test_a_line_that_many_rows_share_names_none_of_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]')
    with pytest.raises(DataError, match="2 rows begin on line 1"):
        find_rows(path, Meant(lines=frozenset({1})))

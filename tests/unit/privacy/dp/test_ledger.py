"""What all trainings on the same rows spent together is added up, whatever the file is called (P3h)."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from sintonia.errors import StorageError
from sintonia.files import home_folder, write_json
from sintonia.privacy.dp import epsilon_spent, ledger
from sintonia.privacy.dp.ledger import LEDGER, composed, forget_rows, note_plain, note_private, rows_of
from sintonia.privacy.dp.present import as_of_today
from sintonia.privacy.dp.words import promise
from sintonia.records.privacy.spent import Guarantee, Spent
from sintonia.settings import DataSettings, Recipe

TEXTS = [f"a text number {k}" for k in range(50)]
ROWS = rows_of(TEXTS)


def spent(training: str, steps: int = 100, **other: object) -> Spent:
    history = ((1.0, 0.05, steps),)
    values: dict[str, object] = {
        "training": training,
        "epsilon": epsilon_spent(history, 1e-5),
        "planned_epsilon": epsilon_spent(((1.0, 0.05, 100),), 1e-5),
        "budget": 8.0,
        "delta": 1e-5,
        "unit": "row",
        "num_units": 50,
        "num_rows": 50,
        "rate": 0.05,
        "noise": 1.0,
        "clip_norm": 1.0,
        "steps": steps,
        "planned_steps": 100,
        "accountant": "prv",
        **other,
    }
    return Spent(**values)  # type: ignore[arg-type]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    path = tmp_path / "rows.jsonl"
    path.write_text("rows", encoding="utf-8")
    return path


def train(data: Path, name: str, rows=ROWS, *, ends: bool = True, **other: object) -> Spent:  # type: ignore[no-untyped-def]
    one = spent(name, **other)  # type: ignore[arg-type]
    note_private(data, rows, one, is_end=False, run=name)
    if ends:
        note_private(data, rows, one, is_end=True, run=name)
    return one


def test_two_trainings_on_the_same_rows_compose(data: Path) -> None:
    first = train(data, "one")
    assert composed(data, ROWS, first).epsilon == pytest.approx(first.epsilon)
    second = train(data, "two")
    together = composed(data, ROWS, second)
    assert together.num_private == 2
    assert together.epsilon == pytest.approx(epsilon_spent(((1.0, 0.05, 200),), 1e-5), abs=1e-3)
    assert "epsilon" in promise(second, together, None) and "1 other private training" in promise(
        second, together, None
    )


def test_a_promise_that_is_told_again_has_the_sum_and_the_date_of_today(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the file was renamed meanwhile, and the rows of the training were erased since."""
    monkeypatch.setattr(ledger, "utc_now", lambda: "2026-01-01T00:00:00Z")
    first = train(data, "one")
    alone = composed(data, ROWS, first)
    kept = Guarantee(spent=first, composed=alone, sentence=promise(first, alone, None), assumptions=())
    recipe = Recipe(data=DataSettings(path=str(data)))
    assert as_of_today(kept, recipe) == kept and "together" not in kept.sentence
    monkeypatch.setattr(ledger, "utc_now", lambda: "2026-02-02T00:00:00Z")
    train(data.with_name("other.jsonl"), "elsewhere", rows_of(["quite other"]))
    train(data, "two")
    found = as_of_today(kept, recipe)
    assert (found.composed.num_private, found.composed.date) == (2, "2026-02-02")
    assert found.composed.epsilon == pytest.approx(epsilon_spent(((1.0, 0.05, 200),), 1e-5), abs=1e-3)
    assert found.sentence.endswith("together for who sees all of them (as the ledger had it on 2026-02-02)")
    renamed = Recipe(data=DataSettings(path=str(data.rename(data.with_name("renamed.jsonl")))))
    assert as_of_today(kept, renamed).composed.num_private == 2
    forget_rows(data, set(ROWS.hashes[:1]))
    assert as_of_today(kept, recipe).composed.num_private == 3, "what it saw is not known any more: too much, not less"
    monkeypatch.setenv("SINTONIA_HOME", str(data.parent / "another machine"))
    away = Recipe(data=DataSettings(path=str(data.parent / "away/rows.jsonl")))
    assert as_of_today(kept, away) == kept, "no ledger here knows the training: the sum stays that of its day"


def test_the_same_training_is_counted_once_however_often_it_is_resumed(data: Path) -> None:
    for _ in range(3):
        one = train(data, "one")
    assert composed(data, ROWS, one).num_private == 1


def test_what_never_ended_counts_in_full_and_what_ended_as_it_ended(data: Path) -> None:
    early = train(data, "early", steps=20)
    assert composed(data, ROWS, early).epsilon == pytest.approx(early.epsilon)
    train(data, "killed", ends=False, steps=0)
    found = composed(data, ROWS, early).epsilon
    assert found == pytest.approx(epsilon_spent(((1.0, 0.05, 120),), 1e-5), abs=1e-3)


def test_one_shared_row_is_enough_and_none_is_not(data: Path) -> None:
    train(data, "before", rows_of([TEXTS[3], "another one"]))
    train(data.with_name("elsewhere.jsonl"), "elsewhere", rows_of(["quite other", "rows"]))
    assert composed(data, ROWS, train(data, "now")).num_private == 2


def test_another_name_of_the_file_and_a_deleted_folder_reset_nothing(data: Path) -> None:
    train(data, "one")
    for file in sorted(data.with_name("rows.jsonl.sintonia").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    renamed = data.rename(data.with_name("other.jsonl"))
    assert composed(renamed, ROWS, train(renamed, "two")).num_private == 2


def test_a_promise_to_groups_covers_rows_and_not_the_other_way_round(data: Path) -> None:
    groups = train(data, "groups", unit="group")
    row = train(data, "row")
    assert composed(data, ROWS, row).num_private == 2
    found = composed(data, ROWS, groups)
    assert (found.num_private, found.num_other_unit) == (1, 1)
    assert "single rows only" in promise(groups, found, "person")


def test_trainings_without_privacy_are_told(data: Path) -> None:
    note_plain(data, "plain", ROWS, "run")
    note_plain(data, "plain", ROWS, "run")
    found = composed(data, ROWS, train(data, "one"))
    assert found.num_plain == 1
    assert "without privacy" in promise(spent("one"), found, None)


def test_a_training_without_privacy_on_a_shared_row_is_told_whatever_its_file_is_called(data: Path) -> None:
    note_plain(data.with_name("other.jsonl"), "plain", rows_of([TEXTS[7], "and one more"]), "run")
    note_plain(data.with_name("elsewhere.jsonl"), "elsewhere", rows_of(["quite other", "rows"]), "run")
    assert composed(data, ROWS, train(data, "one")).num_plain == 1


def test_the_same_file_counts_whatever_is_read_of_it(data: Path) -> None:
    """Another template, or other columns: not one text is the same, and every row is."""
    first = train(data, "one", rows_of(f"Title: {text}" for text in TEXTS))
    together = composed(data, ROWS, train(data, "two"))
    assert together.num_private == 2 and together.epsilon > first.epsilon * 1.2


def test_one_shared_group_is_enough(data: Path) -> None:
    for name, person in (("same", "Ada"), ("other", "Bob")):
        train(data.with_name(f"{name}.jsonl"), name, rows_of([f"by {person}"], [person]), unit="group")
    now = train(data, "now", rows_of(TEXTS, ["Ada", "Cleo"]), unit="group")
    assert composed(data, rows_of(TEXTS, ["Ada", "Cleo"]), now).num_private == 2


@pytest.mark.parametrize("body", [{"rows": []}, {"rows": ["0" * 16]}, {}])
def test_a_file_of_rows_that_was_changed_counts(data: Path, body: dict[str, object]) -> None:
    """Else an edit of an unsealed file would reset what was spent."""
    train(data.with_name("before.jsonl"), "before", rows_of([TEXTS[3], "another one"]))
    train(data.with_name("elsewhere.jsonl"), "elsewhere", rows_of(["quite other", "rows"]))
    name = rows_of([TEXTS[3], "another one"]).name
    for file in data.parent.rglob(f"private-rows/{name}.json"):
        write_json(file, body)
    assert composed(data, ROWS, train(data, "now")).num_private == 2


def test_no_text_is_kept_and_only_the_owner_reads_it(data: Path) -> None:
    train(data, "one")
    places = [data.with_name("rows.jsonl.sintonia"), home_folder()]
    files = [file for place in places for file in place.rglob("*") if file.is_file() and "lock" not in file.name]
    assert len(files) >= 6
    for file in files:
        assert b"a text number" not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0, file


def test_what_an_erasure_made_smaller_counts_with_every_training(data: Path) -> None:
    before, other = rows_of([TEXTS[3], "another one"], ["Ada"]), data.with_name("before.jsonl")
    train(other, "before", before)
    note_plain(other, "plain", before, "run")
    files = forget_rows(other, set(rows_of([TEXTS[3]]).hashes))
    assert len(files) == 2 and not any(one in file.read_text() for file in files for one in before.groups)
    found = composed(data, ROWS, train(data, "now"))
    assert (found.num_private, found.num_plain) == (2, 1)


def test_erased_rows_leave_their_hashes_and_not_what_was_spent(data: Path) -> None:
    one, erased = train(data, "one"), rows_of(TEXTS[:3])
    files = forget_rows(data, set(erased.hashes), is_tried=True)
    assert len(files) == 2 and all(erased.hashes[0] in file.read_text() for file in files)
    assert forget_rows(data, set(erased.hashes)) == files and not forget_rows(data, set(erased.hashes))
    for file in files:
        assert not any(key in file.read_text() for key in erased.hashes) and ROWS.hashes[-1] in file.read_text()
    assert composed(data, rows_of(TEXTS[3:]), one).num_private == 1


@pytest.mark.parametrize("what", ["cut", "edit", "seal"])
def test_a_changed_ledger_is_found(data: Path, what: str) -> None:
    one = train(data, "one")
    path = data.with_name("rows.jsonl.sintonia") / LEDGER
    lines = path.read_text(encoding="utf-8").splitlines()
    if what == "cut":
        lines = lines[:-1]
    elif what == "edit":
        lines[1] = json.dumps({**json.loads(lines[1]), "history": [[9.0, 0.05, 1]]})
    else:
        path.with_name("privacy.seal.json").unlink()
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(StorageError, match="not as sintonia wrote it"):
        composed(data, ROWS, one)


def test_rows_that_are_not_known_any_more_count(data: Path) -> None:
    train(data.with_name("before.jsonl"), "before", rows_of(["unknown", "rows"]))
    for file in data.parent.rglob("private-rows/*.json"):
        file.unlink()
    assert composed(data, ROWS, dataclasses.replace(spent("now"))).num_private == 1

"""The sealed test: opened only through `open_test`, verified, and counted by its content beside the data."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest

from sintonia import sealed
from sintonia.errors import StorageError
from sintonia.records import Example, ExampleSet, Part, Place, SealedTest
from sintonia.runs import RunFolder
from sintonia.sealed import ONE_PART, SEALED_FILE, ledger
from sintonia.settings import DataSettings, Recipe

EXAMPLES = tuple(
    Example(
        id=str(number),
        input=f"text {number}",
        target="ab"[number % 2],
        group=str(number),
        place=Place(file="d.csv", line=number + 2),
    )
    for number in range(5)
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    path = tmp_path / "d.csv"
    path.write_text("text,label\n", encoding="utf-8")
    return path


def seal(run: RunFolder, examples: tuple[Example, ...], *, data: Path) -> SealedTest:
    return sealed.seal(run, {ONE_PART: examples}, data=data)[ONE_PART]


def open_test(test: SealedTest, run: RunFolder, candidate: str) -> tuple[tuple[Example, ...], int]:
    none = ExampleSet(path="", count=0, sha256="")
    (examples,), opening = sealed.open_test(
        (Part(name=ONE_PART, train=none, validation=none, test=test),), run, candidate
    )
    return examples, opening


def _run(data: Path, name: str = "run") -> RunFolder:
    return RunFolder.create(data.parent / name, Recipe(data=DataSettings(path=str(data))))


def test_what_is_sealed_comes_out_and_is_counted(data: Path) -> None:
    run = _run(data)
    test = seal(run, EXAMPLES, data=data)
    assert open_test(test, run, "one") == (EXAMPLES, 1)
    assert open_test(test, run, "two") == (EXAMPLES, 2)
    assert open_test(test, run, "three") == (EXAMPLES, 3)


def test_the_same_candidate_again_is_the_same_opening(data: Path) -> None:
    run = _run(data)
    test = seal(run, EXAMPLES, data=data)
    counts = [open_test(test, run, name)[1] for name in ("one", "one", "two", "one", "two")]
    assert counts == [1, 1, 2, 1, 2]


def test_another_run_folder_does_not_reset_the_count_and_another_test_does(data: Path) -> None:
    first, second = _run(data, "a"), _run(data, "b")
    moved = tuple(reversed(EXAMPLES))
    assert open_test(seal(first, EXAMPLES, data=data), first, "one")[1] == 1
    assert open_test(seal(second, moved, data=data), second, "two")[1] == 2
    third = _run(data, "c")
    others = tuple(dataclasses.replace(one, id=f"o{one.id}", input=f"other {one.input}") for one in EXAMPLES)
    assert open_test(seal(third, others, data=data), third, "three")[1] == 1


def test_a_sealed_test_is_a_length_and_a_hash_only(data: Path) -> None:
    test = seal(_run(data), EXAMPLES, data=data)
    assert set(SealedTest.__slots__) == {"count", "sha256"}
    assert test.count == 5
    with pytest.raises(TypeError):
        iter(test)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("text 3", "text 4"),
        lambda text: text[:-40],
        lambda text: text.replace('"line": 4', '"line": 5'),
    ],
)
def test_a_changed_file_is_refused(data: Path, damage) -> None:
    run = _run(data)
    test = seal(run, EXAMPLES, data=data)
    path = run.file(SEALED_FILE)
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(StorageError, match="changed after it was sealed"):
        open_test(test, run, "one")


def test_a_test_of_another_run_is_refused(data: Path) -> None:
    run = _run(data)
    seal(run, EXAMPLES, data=data)
    with pytest.raises(StorageError, match="another test"):
        open_test(SealedTest(count=5, sha256="0" * 64), run, "one")


def test_the_opening_is_on_disk_before_the_test_is_read(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run(data)
    test = seal(run, EXAMPLES, data=data)
    synced: list[int] = []
    original, fsync = sealed.read_lines, os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(descriptor), fsync(descriptor))[1])

    def killed(path: Path) -> list[dict[str, object]]:
        if path.name == Path(SEALED_FILE).name:
            assert synced
            raise KeyboardInterrupt
        return original(path)

    monkeypatch.setattr(sealed, "read_lines", killed)
    with pytest.raises(KeyboardInterrupt):
        open_test(test, run, "one")
    ledger = Path(f"{data}.sintonia/openings.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(ledger[0]) == {"schema": 1}
    assert [json.loads(line)["candidate"] for line in ledger[1:]] == ["one"]


def test_a_line_cut_by_a_kill_does_not_spoil_the_count(data: Path) -> None:
    run = _run(data)
    test = seal(run, EXAMPLES, data=data)
    open_test(test, run, "one")
    ledger = Path(f"{data}.sintonia/openings.jsonl")
    with ledger.open("a", encoding="utf-8") as stream:
        stream.write('{"test": "abc", "cand')
    assert open_test(test, run, "two")[1] == 2
    assert open_test(test, run, "one")[1] == 1


def test_the_ledger_goes_home_when_the_folder_is_write_protected(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "protected"
    folder.mkdir()
    copy = folder / "d.csv"
    copy.write_text("x", encoding="utf-8")
    run = _run(data)
    test = seal(run, EXAMPLES, data=copy)
    assert open_test(test, run, "one")[1] == 1
    folder.chmod(0o555)
    Path(f"{copy}.sintonia").chmod(0o555)
    assert open_test(test, run, "two")[1] == 2
    assert list((tmp_path / "home" / "splits").rglob("openings.jsonl"))
    folder.chmod(0o755)
    Path(f"{copy}.sintonia").chmod(0o755)


def test_no_place_to_count_means_no_opening(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run(data)
    test = seal(run, EXAMPLES, data=data)
    Path(f"{data}.sintonia").write_text("a file in the way", encoding="utf-8")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "file" / "below"))
    with pytest.raises(StorageError, match=r"neither .* can be written"):
        open_test(test, run, "one")


def test_a_renamed_data_file_or_a_lost_folder_does_not_reset_the_count(data: Path) -> None:
    import shutil

    first = _run(data, "a")
    assert open_test(seal(first, EXAMPLES, data=data), first, "one")[1] == 1
    shutil.rmtree(data.with_name("d.csv.sintonia"))
    renamed = data.rename(data.with_name("other.csv"))
    second = _run(renamed, "b")
    assert open_test(seal(second, EXAMPLES, data=renamed), second, "two")[1] == 2


def test_rows_that_are_added_do_not_reset_the_count(data: Path) -> None:
    first, second, third = _run(data, "a"), _run(data, "b"), _run(data, "c")
    many = tuple(
        Example(id=f"n{k}", input=f"new {k}", target="a", group=f"n{k}", place=Place(file="d.csv", line=9))
        for k in range(60)
    )
    assert open_test(seal(first, EXAMPLES, data=data), first, "one")[1] == 1
    assert open_test(seal(second, (*EXAMPLES, *many[:40]), data=data), second, "two")[1] == 2
    assert open_test(seal(third, (*EXAMPLES[:2], *many[40:]), data=data), third, "three")[1] == 1  # 2 of 22 are shared


def test_a_corrected_target_does_not_make_another_test(data: Path) -> None:
    first, second = _run(data, "a"), _run(data, "b")
    assert open_test(seal(first, EXAMPLES, data=data), first, "one")[1] == 1
    corrected = tuple(dataclasses.replace(one, target="c", id=f"c{one.id}") for one in EXAMPLES)
    assert open_test(seal(second, corrected, data=data), second, "two")[1] == 2


def test_the_count_of_shared_examples_outlives_a_deleted_folder(data: Path) -> None:
    first, second = _run(data, "a"), _run(data, "b")
    assert open_test(seal(first, EXAMPLES, data=data), first, "one")[1] == 1
    shutil.rmtree(f"{data}.sintonia")
    assert open_test(seal(second, EXAMPLES[:4], data=data), second, "two")[1] == 2


@pytest.mark.parametrize("spelling", ["{}.", "{}\u200b", "  {} !", "{}\u00a0"])
def test_another_spelling_of_the_inputs_does_not_reset_the_count(data: Path, spelling: str) -> None:
    first, second = _run(data, "a"), _run(data, "b")
    assert open_test(seal(first, EXAMPLES, data=data), first, "one")[1] == 1
    spelled = tuple(dataclasses.replace(one, input=spelling.format(one.input.upper())) for one in EXAMPLES)
    assert open_test(seal(second, spelled, data=data), second, "two")[1] == 2


def test_tests_that_each_share_a_little_count_together(data: Path) -> None:
    def drawn(begin: int, end: int) -> tuple[Example, ...]:
        return tuple(
            dataclasses.replace(EXAMPLES[0], id=f"n{k}", input=f"new {k}", group=f"n{k}") for k in range(begin, end)
        )

    runs = [_run(data, name) for name in "abc"]
    assert open_test(seal(runs[0], drawn(0, 106), data=data), runs[0], "one")[1] == 1
    assert open_test(seal(runs[1], drawn(194, 306), data=data), runs[1], "two")[1] == 1
    assert open_test(seal(runs[2], drawn(100, 200), data=data), runs[2], "three")[1] == 3  # 6 of 100 with each


def test_a_damaged_ledger_is_found_before_anything_is_trained(data: Path) -> None:
    run = _run(data)
    folder = data.with_name(data.name + ".sintonia")
    folder.mkdir()
    (folder / "openings.jsonl").write_text("no ledger\n")
    with pytest.raises(StorageError, match="damaged line"):
        seal(run, EXAMPLES, data=data)


def test_what_is_learned_whole_is_part_of_the_test(data: Path) -> None:
    """Other tools, other weights of messages: another test. Rows without it hash as they always did."""
    plain = sealed._content_sha256(EXAMPLES)
    assert plain == "1bfda48e5f9728f89e947731f7a228fec1c10bb93ab50c35a8be6f8966dd7e35"
    one = {"messages": [{"role": "user", "content": "c'è 😀"}], "tools": [{"n": float("nan")}]}
    with_content = tuple(dataclasses.replace(example, content=one) for example in EXAMPLES)
    run = _run(data)
    test = seal(run, with_content, data=data)
    opened, _ = open_test(test, run, "one")
    assert opened[0].content == {**one, "tools": [{"n": None}]}
    other = tuple(dataclasses.replace(example, content={**one, "tools": []}) for example in EXAMPLES)
    assert len({plain, sealed._content_sha256(with_content), sealed._content_sha256(other)}) == 3


@pytest.mark.parametrize("num_writes", range(9))
def test_a_kill_between_any_two_writes_leaves_a_whole_ledger(
    data: Path, monkeypatch: pytest.MonkeyPatch, num_writes: int
) -> None:
    """Each place is given what the test holds, a seal, a line, and the seal of the line: eight writes."""
    run = _run(data)
    test, left = seal(run, EXAMPLES, data=data), [num_writes]

    def dying(write):
        def once(*given, **named) -> None:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            write(*given, **named)

        return once

    with monkeypatch.context() as patch:
        for name in ("write_json", "append_line"):
            patch.setattr(ledger, name, dying(getattr(ledger, name)))
        if num_writes < 8:
            with pytest.raises(KeyboardInterrupt):
                open_test(test, run, "one")
        else:
            assert open_test(test, run, "one")[1] == 1
    assert open_test(test, run, "one")[1] == 1
    assert open_test(test, run, "two")[1] == 2
    shutil.rmtree(f"{data}.sintonia")
    assert open_test(test, run, "three")[1] == 3


def test_a_ledger_from_before_it_was_sealed_goes_on(data: Path) -> None:
    run = _run(data)
    test = seal(run, EXAMPLES, data=data)
    folder = data.with_name(data.name + ".sintonia")
    folder.mkdir()
    old = [{"schema": 1}, {"test": test.sha256, "candidate": "old", "time": "2025-01-01T00:00:00Z"}]
    (folder / "openings.jsonl").write_text("".join(json.dumps(line) + "\n" for line in old), encoding="utf-8")
    assert open_test(test, run, "one")[1] == 2
    (folder / "openings.jsonl").write_text(json.dumps(old[0]) + "\n", encoding="utf-8")
    with pytest.raises(StorageError, match="changed or taken out"):
        open_test(test, run, "two")


def test_a_seal_that_hides_what_the_test_holds_cannot_be_smuggled_into_the_ledger(data: Path) -> None:
    run, second = _run(data, "a"), _run(data, "b")
    test = seal(run, EXAMPLES, data=data)
    assert open_test(test, run, "one")[1] == 1
    path = run.file("data/seal.json")
    body = path.read_text(encoding="utf-8")
    path.write_text(json.dumps(json.loads(body) | {"inputs": []}), encoding="utf-8")
    with pytest.raises(StorageError, match="seal of the test was changed"):
        open_test(test, run, "two")
    corrected = tuple(dataclasses.replace(one, target="c") for one in EXAMPLES)
    assert open_test(seal(second, corrected, data=data), second, "three")[1] == 2


def test_two_data_files_share_the_ledger_at_home(data: Path) -> None:
    """Each other's lines are no damage."""
    other = data.with_name("e.csv")
    other.write_text("text,label\n", encoding="utf-8")
    runs = _run(data, "a"), _run(other, "b")
    others = tuple(dataclasses.replace(one, id=f"o{one.id}", input=f"other {one.input}") for one in EXAMPLES)
    tests = seal(runs[0], EXAMPLES, data=data), seal(runs[1], others, data=other)
    for opening in (1, 2, 3):
        assert [open_test(test, run, f"{opening}")[1] for test, run in zip(tests, runs, strict=True)] == [opening] * 2


def test_the_first_opening_of_another_process_is_no_damage(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written between the look at the seal, which there is not yet, and the look at the lines."""
    other = data.with_name("e.csv")
    other.write_text("text,label\n", encoding="utf-8")
    runs = _run(data, "a"), _run(other, "b")
    others = tuple(dataclasses.replace(one, id=f"o{one.id}", input=f"other {one.input}") for one in EXAMPLES)
    test = seal(runs[1], others, data=other)
    reading, is_written = ledger.read_lines, []

    def meanwhile(path: Path) -> list[dict[str, object]]:
        if path.parent == data.parent / "home" and not is_written:
            is_written.append(True)
            open_test(test, runs[1], "theirs")
        return reading(path)

    monkeypatch.setattr(ledger, "read_lines", meanwhile)
    mine = seal(runs[0], EXAMPLES, data=data)
    assert is_written and open_test(mine, runs[0], "mine")[1] == 1
    (data.parent / "home" / "openings.seal.json").unlink()
    with pytest.raises(StorageError, match="changed or taken out"):
        seal(runs[0], EXAMPLES, data=data)

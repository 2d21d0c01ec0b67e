"""What cannot work is refused before the data are read, a refusal leaves nothing, and changed data are named."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from sintonia import prepare
from sintonia.corridor import beginning
from sintonia.errors import DataError, Unavailable, UsageError
from sintonia.pipeline import Progress, improve, start
from sintonia.recipe import make_recipe
from sintonia.runs import RunFolder
from sintonia.settings import Recipe
from tests.tiny import make_conversations, make_rows


class Halted(Exception):
    """The listener has heard enough."""


def _recipe(data: Path, base: Path | str, **blocks: Any) -> Recipe:
    reference = base if isinstance(base, str) else f"file:{base}"
    return make_recipe({"data": {"path": str(data)}, "base": reference, **blocks})


def _write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _until(run: RunFolder, stage: str) -> list[str]:
    """What is said before a stage begins."""
    said: list[str] = []

    def hear(progress: Progress) -> None:
        if progress.stage == stage:
            raise Halted
        said.append(progress.message)

    with pytest.raises(Halted):
        improve(run, hear)
    return said


REFUSED = [
    ("language", {"task": "chat", "method": "head"}, "the method `head` does not learn the task `chat`"),
    ("language", {"task": "tag", "method": "lora"}, "the task tag needs an encoder"),
    ("language", {"task": "classify", "method": "contrastive"}, "the method `contrastive` needs an encoder"),
    ("language", {"task": "classify", "training": {"dropout": 0.1}}, "`training.dropout` has no effect on a causal"),
    ("language", {"task": "classify", "training": {"long_texts": "windows"}}, "`training.long_texts` windows needs an"),
    ("language", {"lora": {"layers": 99}}, "`lora.layers` is 99, the base has 2"),
    ("language", {"task": "chat", "lora": {"layers": 99}}, "`lora.layers` is 99, the base has 2"),
    ("language", {"lora": {"rank": 64}}, "`lora.rank` is 64, the base is only 32 wide"),
    ("language", {"training": {"max_tokens": 4096}}, "`training.max_tokens` is 4096, the base reads at most 512"),
    ("encoder", {"task": "chat"}, "the task chat needs a causal language model"),
    ("encoder", {"training": {"frozen_layers": 2}}, "`training.frozen_layers` is 2, the base has 2 layers"),
    ("encoder", {"chat": {"learn": "all"}}, "`chat` has no effect for the task classify"),
]


@pytest.mark.parametrize(("kind", "blocks", "what"), REFUSED)
def test_what_is_wrong_whatever_the_data_are_is_refused_before_they_are_read(
    tmp_path: Path, tiny_base: Path, tiny_language_model: Path, kind: str, blocks: dict[str, Any], what: str
) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_bytes(b"\x00 no data at all")
    recipe = _recipe(data, tiny_language_model if kind == "language" else tiny_base, **blocks)
    with pytest.raises(UsageError) as refused:
        start(recipe, tmp_path / "run")
    assert refused.value.what.startswith(what)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


@pytest.mark.parametrize(
    ("kind", "blocks"),
    [
        ("language", {"task": "chat", "lora": {"layers": 2, "rank": 32}}),
        ("language", {}),
        ("language", {"method": "head"}),
        ("language", {"task": "classify", "method": "lora"}),
        ("encoder", {"training": {"frozen_layers": 1}}),
        ("encoder", {"method": "head"}),
        ("auto", {"method": "head"}),
        ("auto", {"chat": {"learn": "all"}}),
        ("hf:org/name", {"lora": {"layers": 99}}),
    ],
)
def test_what_may_work_is_left_to_the_data(
    tmp_path: Path, tiny_base: Path, tiny_language_model: Path, kind: str, blocks: dict[str, Any]
) -> None:
    data = _write(tmp_path / "rows.jsonl", [])
    base = {"language": tiny_language_model, "encoder": tiny_base}.get(kind, kind)
    assert start(_recipe(data, base, **blocks), tmp_path / "run").file("recipe.yaml").is_file()


def test_a_refusal_after_the_data_were_read_leaves_no_run(tmp_path: Path, tiny_language_model: Path) -> None:
    data = _write(tmp_path / "rows.jsonl", make_conversations(320))
    run = start(
        _recipe(data, tiny_language_model, task="chat", training={"patience": 2, "epochs": 1}), tmp_path / "run"
    )
    with pytest.raises(UsageError, match=r"`training\.patience` has no effect with 1 epochs"):
        improve(run)
    assert not run.path.exists()


def test_a_base_that_cannot_be_got_leaves_what_was_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINTONIA_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    data = _write(tmp_path / "rows.jsonl", make_conversations(320))
    run = start(_recipe(data, "hf:nobody/nothing", task="chat"), tmp_path / "run")
    with pytest.raises(UsageError, match="cannot reach the hub for `nobody/nothing`") as refused:
        improve(run)
    assert run.file("prepared.json").is_file()
    assert refused.value.hint.endswith(f"`sintonia resume {run.path}` goes on once that has changed")


def test_offline_a_base_that_is_not_here_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINTONIA_OFFLINE", "1")
    data = _write(tmp_path / "rows.jsonl", make_conversations(320))
    with pytest.raises(Unavailable, match="not on this machine"):
        start(_recipe(data, "hf:nobody/nothing", task="chat"), tmp_path / "run")
    assert not (tmp_path / "run").exists() and not (tmp_path / "rows.jsonl.sintonia").exists()


def test_too_little_memory_now_leaves_what_was_prepared(
    tmp_path: Path, tiny_language_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sintonia.choose import base

    data = _write(tmp_path / "rows.jsonl", make_conversations(320))
    run = start(_recipe(data, tiny_language_model, task="chat"), tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(base, "free_bytes", lambda: 1)
        with pytest.raises(Unavailable, match="of memory") as refused:
            improve(run)
    assert "sintonia resume" in refused.value.hint
    prepared = run.file("prepared.json").read_bytes()
    _until(run, "train")
    assert run.file("prepared.json").read_bytes() == prepared


def test_data_that_cannot_be_used_leave_no_run(tmp_path: Path, tiny_base: Path) -> None:
    run = start(_recipe(_write(tmp_path / "rows.jsonl", []), tiny_base), tmp_path / "run")
    with pytest.raises(DataError):
        improve(run)
    assert not run.path.exists()


def test_a_patience_that_is_idle_stops_no_run_that_was_begun(tmp_path: Path, tiny_language_model: Path) -> None:
    data = _write(tmp_path / "rows.jsonl", make_conversations(320))
    run = start(_recipe(data, tiny_language_model, task="chat", training={"epochs": 1}), tmp_path / "run")
    _until(run, "train")
    edited = yaml.safe_load(run.file("recipe.yaml").read_text())
    edited["training"]["patience"] = 2
    run.file("recipe.yaml").write_text(yaml.safe_dump(edited))
    _until(run, "train")
    run.file("cache/examined.json").unlink()
    with pytest.raises(UsageError, match=r"`training\.patience` has no effect"):
        improve(run)


def test_a_run_that_was_begun_is_never_taken_away(tmp_path: Path, tiny_language_model: Path) -> None:
    data = _write(tmp_path / "rows.jsonl", make_conversations(320))
    run = start(_recipe(data, tiny_language_model, task="chat"), tmp_path / "run")
    _until(run, "choose")
    edited = yaml.safe_load(run.file("recipe.yaml").read_text())
    edited["lora"]["layers"] = 99
    run.file("recipe.yaml").write_text(yaml.safe_dump(edited))
    with pytest.raises(UsageError, match="the base has 2"):
        improve(run)
    assert run.file("prepared.json").is_file()


def test_a_resume_says_which_data_were_changed_and_goes_on_with_its_own(tmp_path: Path, tiny_base: Path) -> None:
    data = _write(tmp_path / "rows.jsonl", make_rows(400))
    test = _write(tmp_path / "test.jsonl", make_rows(120, seed=7))
    recipe = make_recipe({"data": {"path": str(data), "test": str(test)}, "base": f"file:{tiny_base}"})
    run = start(recipe, tmp_path / "run")
    _until(run, "choose")
    before = run.file("prepared.json").read_bytes()
    os.utime(data, (1, 1))
    assert not any("since this run began" in line for line in _until(run, "choose")), "touched, but the same"
    _write(data, make_rows(410))
    told = [line for line in _until(run, "choose") if "since this run began" in line]
    assert told == [
        "`rows.jsonl` was changed since this run began: it goes on with the rows it began with; "
        "a new run takes the file as it is now"
    ]
    test.unlink()
    assert any("`test.jsonl` was moved or removed" in line for line in _until(run, "choose"))
    assert run.file("prepared.json").read_bytes() == before


def test_data_that_cannot_be_read_any_more_stop_no_resume(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = _write(tmp_path / "rows.jsonl", make_rows(320))
    run = start(_recipe(data, tiny_base), tmp_path / "run")
    _until(run, "choose")
    _write(data, make_rows(330))

    def refused(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(beginning, "sha256_file", refused)
    told = [line for line in _until(run, "choose") if line.startswith("`rows.jsonl`")]
    assert told == [
        "`rows.jsonl` cannot be read any more: it goes on with the rows it began with; "
        "a new run takes the file as it is now"
    ]


def test_data_that_change_while_they_are_read_are_noticed(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = _write(tmp_path / "rows.jsonl", make_rows(320))
    run = start(_recipe(data, tiny_base), tmp_path / "run")
    reading = prepare.prepare

    def then_changed(*given: Any) -> Any:
        prepared = reading(*given)
        _write(data, make_rows(330))
        return prepared

    monkeypatch.setattr(prepare, "prepare", then_changed)
    _until(run, "choose")
    assert any("`rows.jsonl` was changed since" in line for line in _until(run, "choose"))


def test_a_file_that_is_added_to_a_folder_of_texts_is_noticed(tmp_path: Path, tiny_base: Path) -> None:
    folder = tmp_path / "texts"
    for number, row in enumerate(make_rows(320)):
        path = folder / row["label"] / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(row["text"])
    run = start(_recipe(folder, tiny_base), tmp_path / "run")
    _until(run, "choose")
    assert not any("since this run began" in line for line in _until(run, "choose"))
    path.with_name("new.txt").write_text("another text about rain")
    assert any("`texts` was changed since this run began" in line for line in _until(run, "choose"))


@pytest.mark.parametrize(("budget", "is_told"), [(0.1, True), (3600.0, False), (None, False)])
def test_a_training_beyond_the_budget_is_told_how_to_be_shorter(
    tmp_path: Path, tiny_base: Path, budget: float | None, is_told: bool
) -> None:
    data = _write(tmp_path / "rows.jsonl", make_rows(120))
    run = start(_recipe(data, tiny_base, budget_seconds=budget), tmp_path / "run")
    said = _until(run, "train")
    assert any("10 trainings on parts of the rows and one on all" in line for line in said)
    told = [line for line in said if line.startswith("this is more than the budget")]
    assert len(told) == is_told
    assert all("`--test FILE`" in line and "`--method head`" in line for line in told)


def test_a_turn_is_announced_once(tmp_path: Path, tiny_base: Path) -> None:
    data = _write(tmp_path / "rows.jsonl", make_rows(320))
    run = start(_recipe(data, tiny_base, training={"epochs": 1, "evaluations": 1}), tmp_path / "run")
    assert [line for line in _until(run, "evaluate") if line.startswith("turn 1")] == ["turn 1: method full"]

"""Every format that fits a run is written, read again in its own runtime, and says what the model of the run says."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from sintonia.errors import RunFailed, StorageError, Unavailable, UsageError
from sintonia.export import FORMAT_NAMES, PRECISIONS, USUAL_PRECISIONS, Exported, Wanted, export_run, exporting
from sintonia.export.format import python_command
from sintonia.export.proof import TOLERANCES
from sintonia.files import sha256_file
from sintonia.runs import RunFolder, weights_id
from tests.unit.report.fixture import _turn

RUNS = {"chat": "chat_run", "classify": "classify_run", "embed": "embed_run", "reader": "reader_run"}
FITS = (
    ("chat", "adapter", "peft"),
    ("chat", "merged", "transformers"),
    ("chat", "hub-folder", "transformers"),
    ("chat", "onnx", "onnxruntime"),
    ("classify", "sentence-transformers", "sentence-transformers"),
    ("classify", "hub-folder", "sentence-transformers"),
    ("classify", "onnx", "onnxruntime"),
    ("embed", "sentence-transformers", "sentence-transformers"),
    ("embed", "onnx", "onnxruntime"),
    ("reader", "merged", "transformers"),
    ("reader", "onnx", "onnxruntime"),
)


@pytest.fixture
def export(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Exported]:
    """Exports a run by its name into `tmp_path/out`, or where it is said."""

    def export_one(name: str, form: str, folder: str = "out", **asked: object) -> Exported:
        run: RunFolder = request.getfixturevalue(RUNS[name])
        return export_run(run, Wanted(format=form, folder=tmp_path / folder, **asked))  # type: ignore[arg-type]

    return export_one


def test_the_names_are_those_of_the_table() -> None:
    assert tuple(exporting.FORMATS) == FORMAT_NAMES
    usual = {one.name: one.precisions[0] for one in exporting.FORMATS.values() if len(one.precisions) > 1}
    assert usual == USUAL_PRECISIONS
    assert tuple(TOLERANCES) == PRECISIONS
    assert {one for form in exporting.FORMATS.values() for one in form.precisions} == set(PRECISIONS)


@pytest.mark.parametrize(("name", "form", "runtime"), FITS)
def test_what_is_exported_is_the_same_model(name: str, form: str, runtime: str, export, tmp_path: Path) -> None:
    found = export(name, form)
    proof = json.loads((found.folder / "proof.json").read_text(encoding="utf-8"))
    assert proof == {"schema": 1, **found.proof}
    assert proof["runtime"]["name"] == runtime and proof["runtime"]["is_independent"]
    assert proof["largest_difference"] <= proof["tolerance"] == 1e-4
    assert proof["examples"] == (16 if name == "chat" else 24)
    files = {path.relative_to(found.folder).as_posix() for path in found.folder.rglob("*") if path.is_file()}
    assert files == {*proof["files"], "proof.json"}
    assert all(sha256_file(found.folder / file) == digest for file, digest in proof["files"].items())
    card = (found.folder / ("README.md" if form == "hub-folder" else "card.md")).read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: apache-2.0\n---") and "## Export" in card
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "nothing else is left"
    assert found.commands


def test_no_export_tells_where_it_was_made(export, chat_run: RunFolder) -> None:
    folder = export("chat", "hub-folder").folder
    place = str(chat_run.path.parent).encode()
    wrong = [path.name for path in folder.rglob("*") if path.is_file() and place in path.read_bytes()]
    assert wrong == [] and "base" not in json.loads((folder / "sintonia.json").read_text(encoding="utf-8"))


def test_the_run_is_not_changed_and_not_shared(export, classify_run: RunFolder) -> None:
    before = {path: sha256_file(path) for path in classify_run.path.rglob("*") if path.is_file()}
    folder = export("classify", "sentence-transformers").folder
    (folder / "model.safetensors").write_bytes(b"")
    assert {path: sha256_file(path) for path in classify_run.path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(("name", "form"), [("chat", "merged"), ("chat", "gguf"), ("classify", "onnx")])
def test_exported_twice_are_the_same_bytes(name: str, form: str, export) -> None:
    first, second = (export(name, form, folder) for folder in ("one", "two"))
    assert first.proof == second.proof
    assert sha256_file(first.folder / "proof.json") == sha256_file(second.folder / "proof.json")


@pytest.mark.parametrize(
    ("name", "form", "fitting"),
    [
        ("classify", "gguf", "onnx, sentence-transformers, hub-folder"),
        ("classify", "adapter", "onnx, sentence-transformers, hub-folder"),
        ("embed", "merged", "onnx, sentence-transformers, hub-folder"),
        ("reader", "sentence-transformers", "merged, onnx, hub-folder"),
        ("chat", "sentence-transformers", "adapter, merged, gguf, ollama, onnx, hub-folder"),
    ],
)
def test_a_format_that_does_not_fit_says_which_do(name: str, form: str, fitting: str, export) -> None:
    with pytest.raises(UsageError) as caught:
        export(name, form)
    assert caught.value.expected == f"one of {fitting}"


def test_a_folder_that_is_there_stays(export, tmp_path: Path, chat_run: RunFolder) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="is there already"):
        export("chat", "merged")
    with pytest.raises(UsageError, match="lies in the run"):
        export_run(chat_run, Wanted(format="merged", folder=chat_run.path / "inside"))
    with pytest.raises(UsageError, match="is not written in q8_0"):
        export("chat", "merged", "other", precision="q8_0")
    with pytest.raises(UsageError, match="no format `ggml`") as caught:
        export("chat", "ggml", "other")
    assert "gguf" in caught.value.hint
    assert list((tmp_path / "out").iterdir()) == [] and not (tmp_path / "other").exists()


def test_a_model_that_was_changed_since_its_verdict_is_not_exported(tmp_path: Path, classify_run: RunFolder) -> None:
    run = RunFolder(shutil.copytree(classify_run.path, tmp_path / "run"))
    turn = _turn(run.recipe(), ())
    judged = dataclasses.replace(turn.candidate, files_id=weights_id(run.file("model")))
    run.write(f"{run.turn(1)}/turn.json", dataclasses.replace(turn, candidate=judged))
    export_run(run, Wanted(format="sentence-transformers", folder=tmp_path / "as-it-was"))
    weights = run.file("model/model.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(StorageError, match="is not the model of the verdict"):
        export_run(run, Wanted(format="sentence-transformers", folder=tmp_path / "changed"))
    assert not (tmp_path / "changed").exists()


def test_what_others_left_beside_it_stays_and_two_exports_do_not_meet(export, tmp_path: Path) -> None:
    (tmp_path / ".out-unfinished").mkdir()
    (tmp_path / ".out-unfinished" / "mine").write_text("kept")
    export("classify", "sentence-transformers")
    assert (tmp_path / ".out-unfinished" / "mine").read_text() == "kept"
    assert [one.name for one in tmp_path.glob(".out-unfinished-*")] == []


def test_a_run_without_a_model_is_refused(tmp_path: Path, classify_run: RunFolder) -> None:
    begun = RunFolder.create(tmp_path / "begun", dataclasses.replace(classify_run.recipe()))
    with pytest.raises(UsageError, match="has no model yet"):
        export_run(begun, Wanted(format="onnx", folder=tmp_path / "out"))


@pytest.mark.parametrize(
    ("name", "form", "package"), [("chat", "adapter", "peft"), ("embed", "hub-folder", "sentence-transformers")]
)
def test_without_its_runtime_nothing_is_kept_unless_it_is_asked_for(
    name: str, form: str, package: str, export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "is_installed", lambda one: one != package)
    with pytest.raises(Unavailable, match=f"{package} is not installed") as caught:
        export(name, form)
    assert "--unproven" in caught.value.hint and not (tmp_path / "out").exists()
    found = export(name, form, is_unproven=True)
    assert found.proof["runtime"]["name"] == "sintonia" and not found.proof["runtime"]["is_independent"]
    card = "README.md" if form == "hub-folder" else "card.md"
    assert "is not proved" in (found.folder / card).read_text(encoding="utf-8")


def test_without_the_extra_onnx_one_clear_line(export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "is_installed", lambda one: not one.startswith("onnx"))
    with pytest.raises(Unavailable, match="onnx, onnxscript, onnxruntime, which are not installed") as caught:
        export("embed", "onnx", is_unproven=True)
    assert caught.value.hint == "pip install 'sintonia[onnx]'" and list(tmp_path.iterdir()) == []


def test_packages_are_found_by_the_name_they_are_imported_by() -> None:
    assert exporting.is_installed("sentence-transformers") == (find_spec("sentence_transformers") is not None)
    assert not exporting.is_installed("no-such-package-of-anybody")


def test_texts_longer_than_is_read_are_left_out_and_counted(
    export, classify_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other programs cut the end of a text, which a model that reads both ends does not."""
    body = json.loads((classify_run.file("model") / "sintonia.json").read_text(encoding="utf-8"))
    source = exporting.open_source(classify_run)
    read = {**body, "reading": {"long_texts": "head_tail", "pairs": "together", "has_token_types": False}}
    long = dataclasses.replace(source.examples[0], input=" ".join(["rain"] * 90))
    examples = (long, *source.examples[1:])
    monkeypatch.setattr(exporting, "open_source", lambda _: dataclasses.replace(source, body=read, examples=examples))
    original = (classify_run.file("model") / "sintonia.json").read_text(encoding="utf-8")
    try:
        (classify_run.file("model") / "sintonia.json").write_text(json.dumps(read), encoding="utf-8")
        proof = export("classify", "sentence-transformers").proof
    finally:
        (classify_run.file("model") / "sintonia.json").write_text(original, encoding="utf-8")
    assert (proof["examples"], proof["longer_examples_left_out"]) == (23, 1)


def test_a_failed_export_is_a_failed_run() -> None:
    assert RunFailed("x").exit_code == 1


def test_a_printed_command_runs_whatever_the_folder_is_called() -> None:
    for text in ("plain 'one'", 'with $(touch x) and "quotes" and `ticks`'):
        command = python_command(f"print({text!r}, end='')")
        said = subprocess.run(
            ["bash", "-c", command.replace("python", sys.executable, 1)], capture_output=True, text=True, check=True
        )
        assert said.stdout == text

"""`sintonia export` as the shell sees it: the proof on the screen and as JSON, refusals in one line, exit codes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from sintonia.export import exporting


def test_the_proof_and_the_commands_are_told(call, finished: Path, tmp_path: Path) -> None:
    run, out = finished / "runs" / "a", tmp_path / "given"
    told = call("export", str(run), "--to", "sentence-transformers", "--out", str(out))
    assert (told.exit_code, told.out) == (0, f"{out}\n")
    assert "proved    24 validation examples in sentence-transformers" in told.err
    assert "answers   100% are the same" in told.err and str(out / "modules.json") not in told.err
    assert f"SentenceTransformer as S; print(S('{out}').encode" in told.err
    assert (out / "proof.json").is_file() and "## Export" in (out / "card.md").read_text(encoding="utf-8")


def test_json_is_the_proof(call, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "hub"
    told = call("export", str(finished / "runs" / "b"), "--to", "hub-folder", "--out", str(out), "--json")
    body = json.loads(told.out)
    assert body["folder"] == str(out)
    assert {"schema": 1, **body["proof"]} == json.loads((out / "proof.json").read_text(encoding="utf-8"))
    assert "hf upload" in told.err


def test_without_a_folder_it_lies_beside_the_run(call, finished: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(finished / "runs" / "a", tmp_path / "mine")
    assert call("export", "mine", "--to", "sentence-transformers").exit_code == 0
    assert (tmp_path / "mine-sentence-transformers" / "proof.json").is_file()
    again = call("export", "mine", "--to", "sentence-transformers")
    assert again.exit_code == 2 and "is there already" in again.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "ggml"), "`ggml` is not known"),
        (("--to", "gguf", "--precision", "q2"), "`q2` is not known"),
        (("--to", "gguf"), "`gguf` does not fit this run"),
        (("--to", "onnx", "--precision", "f16"), "`onnx` is not written in f16"),
    ],
)
def test_refusals_are_usage_errors(words: tuple[str, ...], said: str, call, finished: Path, tmp_path: Path) -> None:
    told = call("export", str(finished / "runs" / "a"), *words, "--out", str(tmp_path / "out"))
    assert told.exit_code == 2 and said in told.err and "Traceback" not in told.err
    assert not (tmp_path / "out").exists()


def test_a_failed_proof_is_exit_1_and_leaves_nothing(call, finished: Path, tmp_path: Path, monkeypatch) -> None:
    honest = exporting.FORMATS["hub-folder"]

    def write(source, work: Path, precision) -> None:
        honest.write(source, work, precision)
        weights = work / "3_Dense" / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-4] + b"\x00\x00\x80\x3f")

    monkeypatch.setitem(exporting.FORMATS, "hub-folder", dataclasses.replace(honest, write=write))
    told = call("export", str(finished / "runs" / "a"), "--to", "hub-folder", "--out", str(tmp_path / "out"))
    assert told.exit_code == 1 and "is not the model of the run" in told.err
    assert [path.name for path in tmp_path.iterdir()] == []

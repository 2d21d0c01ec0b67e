"""Forgetting on tiny models: untouched copies have forgotten nothing, damaged ones have, and scales are exact."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from sintonia.choose import choose
from sintonia.evaluate.forgetting import ForgettingInput, measure_forgetting
from sintonia.evaluate.forgetting.anchors import load_anchors
from sintonia.evaluate.forgetting.divergence import measure_divergence
from sintonia.evaluate.forgetting.language import weigh_anchors
from sintonia.evaluate.language import Weigher
from sintonia.models.adapters import AdapterPlan, adapters_of, attach_adapters
from sintonia.models.language.losses import Engine
from sintonia.models.language.saved import (
    OpenLanguageModel,
    open_language_base,
    open_language_candidate,
    save_language_model,
)
from sintonia.models.open import OpenBase, open_base, open_candidate
from sintonia.models.pooled import save_encoder, without_adapters
from sintonia.models.scaling import make_dial, open_tuned, write_scaled
from sintonia.settings import DataSettings, Recipe, TrainingSettings
from tests.tiny import make_tiny_language_model
from tests.unit.train.jobs import make_chat_examples, make_examples

IDS = torch.arange(3, 43).reshape(2, 20)
TRAINING = TrainingSettings(batch_examples=8, micro_tokens=2048)
LABELS = ("food", "music", "travel", "weather")


def language_base(folder: Path) -> OpenLanguageModel:
    recipe = Recipe(
        data=DataSettings(path="rows"), base=f"file:{folder}", task="chat", method="lora", training=TRAINING
    )
    return open_language_base(choose(recipe, "chat"), 128, "auto")


def encoder_base(folder: Path) -> OpenBase:
    recipe = Recipe(data=DataSettings(path="rows"), base=f"file:{folder}", task="classify", method="full")
    return open_base(choose(recipe, "classify"), 32)


@torch.no_grad()
def disturb(weights: Any, by: float, seed: int = 1) -> None:
    generator = torch.Generator().manual_seed(seed)
    for weight in weights:
        weight.add_(by * torch.randn(weight.shape, generator=generator))


def language_candidate(base_folder: Path, folder: Path, kind: str, by: float) -> Path:
    """A candidate whose training is noise: all weights, or an adapter of a variant."""
    opened = language_base(base_folder)
    if kind == "full":
        disturb(opened.causal.parameters(), by)
    else:
        attach_adapters(opened.causal, AdapterPlan(rank=4, alpha=6.0, variant=kind), seed=0)  # type: ignore[arg-type]
        layers = adapters_of(opened.causal).values()
        disturb([one.lora_B for one in layers], by)
        disturb([one.magnitude for one in layers if one.magnitude is not None], by, 2)
    save_language_model(opened, folder, method=kind, template_name="auto", max_tokens=128)
    return folder


def encoder_candidate(base_folder: Path, folder: Path, by: float, kind: str = "full") -> Path:
    opened = encoder_base(base_folder)
    if kind == "lora":
        attach_adapters(opened.model.transformer, AdapterPlan(rank=4, alpha=6.0), seed=0)
        disturb([one.lora_B for one in adapters_of(opened.model.transformer).values()], by)
        without_adapters(opened.model)
    else:
        disturb(opened.model.transformer.parameters(), by)
    generator = torch.Generator().manual_seed(5)
    opened.model.add_head(torch.randn(4, 32, generator=generator), torch.zeros(4))
    save_encoder(
        opened.model, opened.tokenizer, folder, says={"task": "classify", "labels": list(LABELS)}, max_tokens=32
    )
    return folder


def logits(causal: Any) -> torch.Tensor:
    with torch.no_grad():
        return causal(input_ids=IDS).logits


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Two would wait for each other longer than models as tiny as these compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def taught(tiny_language_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny language model after it has learned some spelling: one that knows nothing can forget nothing."""
    opened = language_base(tiny_language_model)
    texts = [{"text": one.text} for one in load_anchors()]
    rows = [one.row for one in opened.template.render_all(texts, 96)]
    engine = Engine(opened.causal, micro_tokens=1024)
    optimizer = torch.optim.AdamW(opened.causal.parameters(), 1e-2)
    for step in range(20):
        engine.backward(rows[step * 10 : step * 10 + 10])
        optimizer.step()
        optimizer.zero_grad()
    folder = tmp_path_factory.mktemp("taught") / "base"
    opened.causal.save_pretrained(folder)
    opened.tokenizer.save_pretrained(folder)
    return folder


def asked(candidate: Path, **changes: Any) -> ForgettingInput:
    return ForgettingInput(
        candidate=candidate,
        **{"prompts": make_chat_examples(20, 7), "validation": make_chat_examples(24, 8), **changes},
    )


def test_an_untouched_language_model_forgot_nothing(tmp_path: Path, tiny_language_model: Path) -> None:
    base = language_base(tiny_language_model)
    candidate = language_candidate(tiny_language_model, tmp_path / "same", "full", 0.0)
    found = measure_forgetting(base, asked(candidate))
    assert (found.kind, found.divergence, found.severity, found.is_untouched) == ("language", 0.0, "none", True)
    assert (found.change.value, found.change.low, found.change.high, found.remedy) == (0.0, 0.0, 0.0, None)


def test_a_copy_that_is_measured_all_the_same_shows_no_change(tmp_path: Path, tiny_language_model: Path) -> None:
    base, again = language_base(tiny_language_model), language_base(tiny_language_model)
    contents = [one.content or {} for one in make_chat_examples(20, 7)]
    found = measure_divergence(base, again, contents, 10_000)
    assert found is not None and found.nats == 0.0 and found.num_tokens > 500
    anchors = load_anchors()
    for one, two in zip(*(weigh_anchors(Weigher(opened), anchors) for opened in (base, again)), strict=True):
        assert (one == two).all()


@pytest.mark.parametrize(("kind", "by"), [("full", 0.5), ("lora", 2.0)])
def test_a_damaged_language_model_is_found(tmp_path: Path, taught: Path, kind: str, by: float) -> None:
    base = language_base(taught)
    candidate = language_candidate(taught, tmp_path / "damaged", kind, by)
    found = measure_forgetting(base, asked(candidate))
    assert found.severity == "serious" and found.change.low > 0.15 and found.p_value < 0.001
    assert found.divergence is not None and found.divergence > 0.1
    assert [one.num_texts for one in found.anchors] == [80, 40, 20, 20, 20, 20]
    assert all(one.tuned > one.base for one in found.anchors)
    assert found.remedy is not None and found.remedy.scale < 0.5  # noise teaches nothing
    assert found.remedy.recovered_fraction > 0.5
    assert measure_forgetting(base, asked(candidate, validation=(), prompts=())).remedy is None


def by_hand(base: Any, tuned: Any, rows: list[tuple[int, ...]]) -> float:
    total, count = 0.0, 0
    with torch.no_grad():
        for ids in rows:
            read = torch.tensor([ids])
            ours, theirs = (one(input_ids=read).logits[0, :-1].double().log_softmax(1) for one in (base, tuned))
            total += float((ours.exp() * (ours - theirs)).sum())
            count += len(ids) - 1
    return total / count


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_the_divergence_is_that_of_transformers_own_logits(tmp_path: Path, family: str) -> None:
    """Llama goes through the fused layers, GPT-2 through its own."""
    shape = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512} if family == "gpt2" else {}
    folder = make_tiny_language_model(tmp_path / "base", model_type=family, **shape)
    base, tuned = language_base(folder), language_base(folder)
    disturb(tuned.causal.parameters(), 0.05)
    contents = [one.content or {} for one in make_chat_examples(12, 7)]
    found = measure_divergence(base, tuned, contents, 10_000)
    rows = [one.row.ids for one in tuned.template.render_all(contents, 128, "all")]
    assert found is not None and found.num_tokens == sum(len(ids) - 1 for ids in rows)
    assert found.nats == pytest.approx(by_hand(base.causal, tuned.causal, rows), rel=1e-4)
    few = measure_divergence(base, tuned, contents, len(rows[0]))
    assert few is not None and few.num_tokens == len(rows[0]) - 1


def test_anchors_are_plain_texts_whose_end_does_not_count(tiny_language_model: Path) -> None:
    base = language_base(tiny_language_model)
    anchor = load_anchors()[3]
    nats, num_bytes = weigh_anchors(Weigher(base), [anchor])
    ids = base.tokenizer(anchor.text, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        chances = base.causal(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(1)
    expected = -sum(float(chances[k - 1, ids[k]]) for k in range(1, len(ids)))
    assert nats[0] == pytest.approx(expected, rel=1e-5)
    assert num_bytes[0] == len(anchor.text.encode()) - 1


@pytest.mark.parametrize("kind", ["full", "lora", "rslora", "dora"])
def test_no_scale_is_the_base_and_all_of_it_the_candidate(tmp_path: Path, tiny_language_model: Path, kind: str) -> None:
    base = language_base(tiny_language_model)
    tuned = open_language_candidate(language_candidate(tiny_language_model, tmp_path / "tuned", kind, 0.2))
    whole, start = logits(tuned.causal), logits(base.causal)
    dial = make_dial(tuned, base)
    far = {}
    for scale in (0.0, 0.3, 1.0):
        dial.turn_to(scale)
        far[scale] = logits(tuned.causal)
    assert torch.equal(far[1.0], whole)
    assert torch.equal(far[0.0], start)
    assert 0 < (far[0.3] - start).abs().mean() < (whole - start).abs().mean()
    with pytest.raises(ValueError, match="between 0 and 1"):
        dial.turn_to(1.1)


def test_a_scaled_adapter_is_the_interpolation_of_the_weights(tmp_path: Path, tiny_language_model: Path) -> None:
    base = language_base(tiny_language_model)
    tuned = open_language_candidate(language_candidate(tiny_language_model, tmp_path / "tuned", "lora", 0.2))
    make_dial(tuned, base).turn_to(0.4)
    for name, layer in adapters_of(tuned.causal).items():
        change = layer.scaling * (layer.lora_B @ layer.lora_A)
        original = open_language_candidate(tmp_path / "tuned").causal.get_submodule(name)
        assert torch.allclose(change, 0.4 * original.scaling * (original.lora_B @ original.lora_A), atol=1e-6)
        break


@pytest.mark.parametrize("kind", ["full", "lora", "dora"])
def test_what_is_written_is_what_was_in_memory(tmp_path: Path, tiny_language_model: Path, kind: str) -> None:
    base = language_base(tiny_language_model)
    folder = language_candidate(tiny_language_model, tmp_path / "tuned", kind, 0.2)
    tuned = open_language_candidate(folder)
    whole = logits(tuned.causal)
    make_dial(tuned, base).turn_to(0.3)
    write_scaled(folder, tmp_path / "scaled", 0.3, base)
    again = open_language_candidate(tmp_path / "scaled")
    assert logits(again.causal) == pytest.approx(logits(tuned.causal), abs=1e-6)
    assert torch.equal(logits(open_language_candidate(folder).causal), whole), "the candidate itself stays"
    assert {path.name for path in (tmp_path / "scaled").iterdir()} == {path.name for path in folder.iterdir()}
    with pytest.raises(FileExistsError):
        write_scaled(folder, tmp_path / "scaled", 0.3, base)


def test_peft_reads_a_scaled_adapter(tmp_path: Path, tiny_language_model: Path) -> None:
    peft = pytest.importorskip("peft")
    base = language_base(tiny_language_model)
    folder = language_candidate(tiny_language_model, tmp_path / "tuned", "rslora", 0.2)
    write_scaled(folder, tmp_path / "scaled", 0.5, base)
    ours = open_language_candidate(tmp_path / "scaled")
    theirs = peft.PeftModel.from_pretrained(base.causal, str(tmp_path / "scaled")).eval()
    assert logits(theirs) == pytest.approx(logits(ours.causal), abs=1e-5)


def test_the_adapter_below_stays_whole(tmp_path: Path, tiny_language_model: Path) -> None:
    """A base that is an adapter itself: no scale is that base, not the model under it."""
    below = language_candidate(tiny_language_model, tmp_path / "below", "lora", 0.2)
    base = language_base(below)
    start = logits(base.causal)
    folder = language_candidate(below, tmp_path / "above", "lora", 0.3)
    tuned = open_language_candidate(folder)
    whole = logits(tuned.causal)
    dial = make_dial(tuned, base)
    dial.turn_to(0.0)
    assert logits(tuned.causal) == pytest.approx(start, abs=1e-5)
    assert (logits(language_base(tiny_language_model).causal) - start).abs().max() > 1e-2
    dial.turn_to(1.0)
    assert torch.equal(logits(tuned.causal), whole)


def features(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.features(IDS % 60 + 5, None)


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_an_encoder_is_scaled_and_written_too(tmp_path: Path, tiny_base: Path, kind: str) -> None:
    base = encoder_base(tiny_base)
    folder = encoder_candidate(tiny_base, tmp_path / "tuned", 0.1, kind)
    tuned = open_candidate(folder)
    whole = features(tuned.model)
    dial = make_dial(tuned, base)
    dial.turn_to(0.0)
    assert torch.equal(features(tuned.model), features(base.model))
    dial.turn_to(0.5)
    half = features(tuned.model)
    dial.turn_to(1.0)
    assert torch.equal(features(tuned.model), whole)
    write_scaled(folder, tmp_path / "scaled", 0.5, base)
    again = open_tuned(tmp_path / "scaled")
    assert again.labels == LABELS and torch.allclose(features(again.model), half, atol=1e-6)
    assert again.model.head is not None and torch.equal(again.model.head.weight, tuned.model.head.weight)


def test_a_head_alone_forgets_nothing(tmp_path: Path, tiny_base: Path) -> None:
    found = measure_forgetting(encoder_base(tiny_base), asked(encoder_candidate(tiny_base, tmp_path / "head", 0.0)))
    assert (found.kind, found.is_untouched, found.severity, found.divergence) == ("encoder", True, "none", None)
    assert found.anchors == ()


def test_an_encoder_that_collapsed_is_found(tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny encoder knows none of the words of the anchors, so that the texts are made of words it knows."""
    known = [
        dataclasses.replace(one, first=f"{words[0]} {words[1]} please", second=f"{words[1]} {words[0]} now")
        for one, words in zip(load_anchors(), word_pairs(), strict=True)
    ]
    monkeypatch.setattr("sintonia.evaluate.forgetting.measure.load_anchors", lambda: tuple(known))
    base = encoder_base(tiny_base)
    validation = make_examples(60, 3)
    same = measure_forgetting(base, asked(encoder_candidate(tiny_base, tmp_path / "near", 1e-5)))
    assert not same.is_untouched and same.severity == "none" and same.base is not None and same.base > 0.5
    lost = measure_forgetting(base, asked(encoder_candidate(tiny_base, tmp_path / "lost", 2.0), validation=validation))
    assert lost.severity in ("warning", "serious") and lost.change.high < 0
    assert lost.remedy is not None and lost.remedy.metric == "accuracy" and lost.remedy.num_validation == 60
    assert math.isfinite(lost.remedy.recovered_fraction)


def word_pairs() -> list[tuple[str, str]]:
    from tests.tiny import TOPICS

    words = [word for topic in TOPICS.values() for word in topic]
    return [(words[k % 40], words[(k % 40 + 1 + k // 40) % 40]) for k in range(200)]

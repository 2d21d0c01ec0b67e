"""Every saving of the engine gives the losses and gradients of the plain, padded computation of transformers."""

from __future__ import annotations

import functools
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from sintonia.models.adapters import AdapterPlan, attach_adapters
from sintonia.models.language.losses import Engine
from sintonia.models.language.rows import TokenRow
from tests.tiny import make_tiny_language_model

FUSED = ("llama", "mistral", "qwen2", "qwen3")
FAMILIES = (*FUSED, "gpt2", "gemma2")
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-9}
NUM_SHARED = 24


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("families")
    shapes = {"qwen3": {"head_dim": 16}, "gemma2": {"head_dim": 8}}
    return {name: make_tiny_language_model(home / name, model_type=name, **shapes.get(name, {})) for name in FAMILIES}


def made_rows(count: int = 9, seed: int = 0, longest: int = 60) -> list[TokenRow]:
    """Rows of one beginning and uneven lengths; most learn scattered tokens, the last learns none."""
    chance = random.Random(seed)
    beginning = [chance.randrange(3, 250) for _ in range(NUM_SHARED)]
    rows = []
    for number in range(count):
        length = chance.randrange(5, longest)
        ids = (*beginning, *(chance.randrange(3, 250) for _ in range(length)))
        first = NUM_SHARED + chance.randrange(1, length)
        is_learned = [place == first or (place > first and place % 7 != 3) for place in range(len(ids))]
        learned = tuple(one and number < count - 1 for one in is_learned)
        rows.append(TokenRow(ids=ids, learned=learned, num_bytes=length))
    return rows


def opened(folder: Path, how: str, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    causal = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if how.startswith("lora"):
        layers = (1,) if how == "lora top" else None
        variant = "dora" if how == "lora dora" else "lora"
        plan = AdapterPlan(rank=4, alpha=8.0, layers=layers, variant=variant)
        torch.manual_seed(5)
        for adapter in attach_adapters(causal, plan, 0).values():
            torch.nn.init.normal_(adapter.lora_B, std=0.1)
    if how == "top":
        causal.requires_grad_(False)
        layers = causal.get_decoder().layers if hasattr(causal.get_decoder(), "layers") else causal.transformer.h
        layers[1].requires_grad_(True)
    if dtype is torch.float64:
        for module in causal.modules():
            if type(module).__name__.endswith("RMSNorm"):
                module.forward = functools.partial(wide_norm, module)
    return causal.to(dtype)


def wide_norm(module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The RMS norm of transformers goes through fp32, which would hide errors in float64."""
    is_gemma = type(module).__name__.startswith("Gemma")
    weight, epsilon = (1 + module.weight, module.eps) if is_gemma else (module.weight, module.variance_epsilon)
    return weight * x * (x.pow(2).mean(-1, keepdim=True) + epsilon).rsqrt()


def padded(rows: list[TokenRow]) -> dict[str, torch.Tensor]:
    shape = (len(rows), max(len(row.ids) for row in rows))
    ids, mask, labels = torch.zeros(shape).long(), torch.zeros(shape).long(), torch.full(shape, -100)
    for number, row in enumerate(rows):
        place = (number, slice(len(row.ids)))
        ids[place], mask[place] = torch.tensor(row.ids), 1
        labels[place] = torch.where(torch.tensor(row.learned), ids[place], -100)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def gradients(causal: torch.nn.Module) -> dict[str, torch.Tensor]:
    found = {name: one.grad.clone() for name, one in causal.named_parameters() if one.grad is not None}
    causal.zero_grad()
    return found


def reference(causal: torch.nn.Module, rows: list[TokenRow]) -> tuple[float, dict[str, torch.Tensor]]:
    causal.zero_grad()
    batch = padded(rows)
    labels = batch.pop("labels")
    logits = causal(**batch).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten())
    loss.backward()
    return float(loss.detach()), gradients(causal)


def distance(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    """Largest difference of gradients, relative to the largest of each weight, or to 0.1 where that is smaller."""
    assert sorted(found) == sorted(expected)
    scales = {name: max(0.1, float(one.abs().max())) for name, one in expected.items()}
    return max(float((found[name] - one).abs().max()) / scales[name] for name, one in expected.items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("how", ["full", "lora", "lora top", "top"])
@pytest.mark.parametrize("family", FAMILIES)
def test_losses_and_gradients_are_those_of_the_padded_model(
    folders: dict[str, Path], family: str, how: str, dtype: torch.dtype
) -> None:
    causal, rows = opened(folders[family], how, dtype), made_rows()
    loss, expected = reference(causal, rows)
    for micro_tokens in (70, 100_000):
        for shares_prefix in (True, False):
            for uses_checkpoints in (True, False):
                engine = Engine(
                    causal,
                    micro_tokens=micro_tokens,
                    shares_prefix=shares_prefix,
                    uses_checkpoints=uses_checkpoints,
                )
                assert engine.is_fused == (family in FUSED), engine.refusal
                assert engine.backward(rows) == pytest.approx(loss, abs=TOLERANCE[dtype])
                far = distance(gradients(causal), expected)
                assert far < TOLERANCE[dtype]


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_a_changed_token_changes_loss_and_gradients(folders: dict[str, Path], family: str) -> None:
    causal, rows = opened(folders[family], "lora"), made_rows()
    loss, expected = reference(causal, rows)
    ids = list(rows[2].ids)
    ids[NUM_SHARED - 3] ^= 1  # inside of what the rows share: the shared beginning must become shorter, not wrong
    changed = [*rows[:2], TokenRow(ids=tuple(ids), learned=rows[2].learned, num_bytes=1), *rows[3:]]
    engine = Engine(causal, micro_tokens=70)
    found = engine.backward(changed)
    assert abs(found - loss) > 3e-5
    changed_gradients = gradients(causal)
    assert distance(changed_gradients, expected) > 1e-4
    loss, expected = reference(causal, changed)
    assert found == pytest.approx(loss, abs=1e-5)
    assert distance(changed_gradients, expected) < 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_losses_of_rows_are_in_the_order_given(folders: dict[str, Path], family: str) -> None:
    causal, rows = opened(folders[family], "lora"), made_rows()
    found = Engine(causal, micro_tokens=70).losses(rows)
    with torch.no_grad():
        for row, nats, is_exact in zip(rows, found.nats, found.is_exact, strict=True):
            logits = causal(torch.tensor([row.ids])).logits[0]
            places = [place for place, is_learned in enumerate(row.learned) if is_learned]
            targets = torch.tensor([row.ids[place] for place in places], dtype=torch.long)
            before = logits[[place - 1 for place in places]]
            expected = torch.nn.functional.cross_entropy(before, targets, reduction="sum") if places else 0.0
            assert nats == pytest.approx(float(expected), abs=1e-4)
            assert is_exact == bool((before.argmax(-1) == targets).all())
    assert found.nats.dtype == np.float64


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_exact_rows_are_told_from_others(folders: dict[str, Path], family: str) -> None:
    causal = opened(folders[family], "full")
    prompt = torch.tensor([list(made_rows()[0].ids[:30])])
    written = tuple(causal.generate(prompt, max_new_tokens=5, do_sample=False, eos_token_id=None)[0].tolist())
    learned = tuple(place >= 30 for place in range(len(written)))
    wrong = (*written[:-1], written[-1] ^ 1)
    rows = [TokenRow(ids=ids, learned=learned, num_bytes=5) for ids in (written, wrong)]
    assert Engine(causal, micro_tokens=1000).losses(rows).is_exact.tolist() == [True, False]


def test_the_same_rows_give_the_same_bits(folders: dict[str, Path]) -> None:
    causal, rows = opened(folders["llama"], "full"), made_rows()
    engine = Engine(causal, micro_tokens=70)
    first = (engine.backward(rows), gradients(causal))
    again = (engine.backward(rows), gradients(causal))
    assert first[0] == again[0]
    assert all(torch.equal(one, again[1][name]) for name, one in first[1].items())


def test_gradients_are_added_to_those_there_are(folders: dict[str, Path]) -> None:
    causal, rows = opened(folders["llama"], "full", torch.float64), made_rows()
    engine = Engine(causal, micro_tokens=1000)
    engine.backward(rows)
    once = gradients(causal)
    engine.backward(rows)
    engine.backward(rows)
    assert distance(gradients(causal), {name: 2 * one for name, one in once.items()}) < 1e-9


@pytest.mark.parametrize("variant", ["dropout", "lora dora"])
def test_what_the_fused_layers_leave_to_the_plain_ones_is_computed_right(
    folders: dict[str, Path], variant: str
) -> None:
    causal, rows = opened(folders["llama"], "lora dora" if variant == "lora dora" else "lora"), made_rows()
    if variant == "dropout":
        for module in causal.modules():
            if hasattr(module, "lora_A"):
                module.dropout = 0.5
        engine = Engine(causal.train(), micro_tokens=1000)
        calm = Engine(causal, micro_tokens=1000).losses(rows).nats.sum() / sum(row.num_learned for row in rows)
        torch.manual_seed(1)
        first = engine.backward(rows)
        torch.manual_seed(1)
        assert engine.backward(rows) == first != pytest.approx(calm, abs=1e-6)
        assert all(module.training for module in causal.modules())
        causal.zero_grad()
    loss, expected = reference(causal.eval(), rows)
    engine = Engine(causal, micro_tokens=1000)
    assert engine.is_fused
    assert engine.backward(rows) == pytest.approx(loss, abs=1e-5)
    assert distance(gradients(causal), expected) < 1e-5


def test_rows_with_nothing_to_learn_cost_and_change_nothing(folders: dict[str, Path]) -> None:
    causal = opened(folders["llama"], "full")
    rows = [TokenRow(ids=(1, 2, 3), learned=(False, False, False), num_bytes=0)]
    engine = Engine(causal, micro_tokens=1000)
    assert engine.backward(rows) == 0.0
    assert gradients(causal) == {}
    assert engine.losses(rows).nats.tolist() == [0.0]


def test_a_loss_that_is_no_number_is_told(folders: dict[str, Path]) -> None:
    causal = opened(folders["llama"], "lora")
    next(one for name, one in causal.named_parameters() if "lora_B" in name).data.fill_(float("nan"))
    engine = Engine(causal, micro_tokens=1000)
    assert np.isnan(engine.backward(made_rows()))


def test_the_upper_layers_start_from_kept_states(folders: dict[str, Path]) -> None:
    causal, rows = opened(folders["llama"], "lora top"), made_rows()
    loss, expected = reference(causal, rows)
    engine = Engine(causal, micro_tokens=70)
    kept = engine.lower_states(rows, 1)
    assert [len(one) for one in kept[:-1]] == [max(k for k, is_ in enumerate(row.learned) if is_) for row in rows[:-1]]
    causal.model.embed_tokens.weight.data.zero_()  # neither the embedding nor layer 0 is read again
    causal.lm_head.weight = torch.nn.Parameter(opened(folders["llama"], "full").lm_head.weight.detach(), False)
    assert engine.backward(rows, kept, 1) == pytest.approx(loss, abs=1e-5)
    assert distance(gradients(causal), expected) < 1e-5
    total = engine.losses(rows, kept, 1).nats.sum() / sum(row.num_learned for row in rows)
    assert total == pytest.approx(loss, abs=1e-5)


def test_rows_longer_than_the_window_of_a_mistral_are_computed_right(tmp_path: Path) -> None:
    folder = make_tiny_language_model(tmp_path / "model", model_type="mistral", sliding_window=40)
    causal, rows = opened(folder, "full"), made_rows()
    assert max(len(row.ids) for row in rows) > 40
    loss, expected = reference(causal, rows)
    engine = Engine(causal, micro_tokens=100)
    assert engine.is_fused
    assert engine.backward(rows) == pytest.approx(loss, abs=1e-5)
    assert distance(gradients(causal), expected) < 1e-5


def test_a_model_that_is_fused_is_still_saved_and_opened(folders: dict[str, Path], tmp_path: Path) -> None:
    causal = opened(folders["qwen2"], "full")
    engine = Engine(causal, micro_tokens=1000)
    with torch.no_grad():
        for parameter in causal.parameters():
            parameter.add_(0.01)
    expected = engine.losses(made_rows()).nats
    causal.save_pretrained(tmp_path / "saved")
    again = Engine(opened(tmp_path / "saved", "full"), micro_tokens=1000, is_fused=False)
    assert again.losses(made_rows()).nats == pytest.approx(expected, abs=1e-4)


def test_a_fused_path_that_differs_is_not_taken(folders: dict[str, Path]) -> None:
    causal = opened(folders["llama"], "full")
    causal.model.layers[1].self_attn.scaling = 0.5  # our own code would not know of it
    engine = Engine(causal, micro_tokens=1000)
    assert not engine.is_fused
    assert "differ" in engine.refusal

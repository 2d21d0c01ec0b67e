"""Sharing the prompt of a pair changes neither log-likelihoods nor gradients: they are those of every row alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from sintonia.models.language.preferences.bundles import Bundle, bundles_of, mismatched, tree_of
from sintonia.models.language.preferences.weighing import BundleEngine
from sintonia.models.language.rows import TokenRow
from sintonia.models.language.template import load_template
from tests.tiny import make_tiny_language_model
from tests.unit.models.language.preference_rows import made_bundles
from tests.unit.models.language.test_losses import TOLERANCE, distance, gradients, opened

SHAPES = {"llama": {}, "qwen3": {"head_dim": 16}, "gpt2": {}, "gemma2": {"head_dim": 8}}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("families")
    return {name: make_tiny_language_model(home / name, model_type=name, **shape) for name, shape in SHAPES.items()}


def loss_of(nats: torch.Tensor, which: list[int]) -> torch.Tensor:
    """Something of which each pair, and each column, has a gradient of its own."""
    weights = 0.5 + torch.tensor(which, dtype=torch.float64) / 5
    found = (-functional.logsigmoid(0.3 * (nats[:, 1] - nats[:, 0])) * weights).sum()
    return found + 0.01 * nats[:, 2:].sum()


def expected_of(causal: torch.nn.Module, bundles: list[Bundle]) -> tuple[float, np.ndarray, dict[str, torch.Tensor]]:
    """Every row alone, through the whole model: loss, nats and gradients."""
    causal.zero_grad()
    sums = []
    for bundle in bundles:
        columns = []
        for number, row in enumerate(bundle.rows):
            ids, learned = torch.tensor(row.ids), torch.tensor(row.learned)
            logits = causal(input_ids=ids[None]).logits[0, :-1]
            nats = functional.cross_entropy(logits, ids[1:], reduction="none").double()
            columns.append(nats[learned[1:]].sum())
            if bundle.has_rest and number == 0:
                last = int(learned.nonzero().max())
                rest = nats[:last][~learned[1 : last + 1]].sum()
        sums.append(torch.stack([*columns, *([rest] if bundle.has_rest else [])]))
    nats = torch.stack(sums)
    loss = loss_of(nats, list(range(len(bundles))))
    loss.backward()
    return float(loss.detach()), nats.detach().numpy(), gradients(causal)


@pytest.mark.parametrize("has_rest", [False, True])
@pytest.mark.parametrize(
    ("family", "how", "dtype"),
    [
        ("llama", "full", torch.float64),
        ("llama", "lora", torch.float32),
        ("llama", "lora top", torch.float64),
        ("llama", "lora dora", torch.float32),
        ("qwen3", "lora", torch.float64),
        ("gpt2", "lora", torch.float32),
        ("gemma2", "full", torch.float32),
    ],
)
def test_nats_and_gradients_are_those_of_each_row_alone(
    folders: dict[str, Path], family: str, how: str, dtype: torch.dtype, has_rest: bool
) -> None:
    causal = opened(folders[family], how, dtype)
    bundles = [*made_bundles(5, has_rest=has_rest), *made_bundles(2, seed=3, longest=150, has_rest=has_rest)]
    loss, nats, expected = expected_of(causal, bundles)
    for micro_tokens, shares_prefix, uses_checkpoints in (
        (90, True, False),
        (300, True, True),
        (10**6, True, False),
        (10**6, False, False),
    ):
        engine = BundleEngine(
            causal, micro_tokens=micro_tokens, shares_prefix=shares_prefix, uses_checkpoints=uses_checkpoints
        )
        assert engine.is_fused == (family in ("llama", "qwen3")), engine.refusal
        assert engine.learn_bundles(bundles, loss_of) == pytest.approx(loss, rel=TOLERANCE[dtype])
        assert distance(gradients(causal), expected) < TOLERANCE[dtype]
        assert np.abs(engine.weigh_bundles(bundles) / nats - 1).max() < TOLERANCE[dtype]


def test_states_of_frozen_layers_change_nothing(folders: dict[str, Path]) -> None:
    causal, bundles = opened(folders["llama"], "lora top", torch.float64), made_bundles(5)
    loss, nats, expected = expected_of(causal, bundles)
    engine = BundleEngine(causal, micro_tokens=300)
    states = engine.lower_states([row for bundle in bundles for row in bundle.rows], 1)
    lower = [states[2 * number : 2 * number + 2] for number in range(len(bundles))]
    assert engine.learn_bundles(bundles, loss_of, lower, 1) == pytest.approx(loss, rel=1e-9)
    assert distance(gradients(causal), expected) < 1e-9
    assert np.abs(engine.weigh_bundles(bundles, lower, 1) / nats - 1).max() < 1e-9


def test_a_broken_model_gives_no_loss(folders: dict[str, Path]) -> None:
    causal = opened(folders["llama"], "full")
    with torch.no_grad():
        causal.model.norm.weight[0] = float("nan")
    engine = BundleEngine(causal, micro_tokens=300, is_fused=False)
    assert np.isnan(engine.learn_bundles(made_bundles(3), loss_of))


def test_a_tree_holds_each_token_of_the_common_beginning_once() -> None:
    one = TokenRow(ids=(5, 6, 7, 8, 9), learned=(False, False, True, True, True), num_bytes=1)
    other = TokenRow(ids=(5, 6, 7, 4), learned=(False, False, True, True), num_bytes=1)
    tree = tree_of(Bundle((one, other), has_rest=True))
    assert (tree.stem, tree.branches) == ((5, 6, 7), ((8,), ()))
    assert tree.predictions == ((0, 6, (2,)), (1, 7, (0, 1)), (2, 4, (1,)), (2, 8, (0,)), (3, 9, (0,)))
    assert Bundle((one, other), has_rest=True).num_tokens == (3, 2, 1)


def test_pairs_learn_their_answers_and_no_earlier_one(folders: dict[str, Path]) -> None:
    from transformers import AutoTokenizer

    template = load_template(AutoTokenizer.from_pretrained(folders["llama"]))
    before = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    said = [{"role": "assistant", "content": "yes"}], [{"role": "assistant", "content": "never"}]
    content = {"messages": before, "chosen": said[0], "rejected": said[1]}
    (bundle,) = bundles_of(template, [content], 512)
    assert bundle.num_tokens == (len("yes") + 1, len("never") + 1)
    assert bundle.is_learnable
    (cut,) = bundles_of(template, [content], len(bundle.rows[0].ids) - bundle.num_tokens[0])
    assert not cut.is_learnable
    rated = [{"messages": before, "completion": said[0]}, {"messages": before[2:], "completion": said[1]}]
    assert mismatched(rated) == [
        {"messages": before, "completion": said[1]},
        {"messages": before[2:], "completion": said[0]},
    ]

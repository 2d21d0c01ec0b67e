"""The preference losses are those of TRL's own trainers on the same batch of tokens."""

from __future__ import annotations

import types
from collections import defaultdict
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from sintonia.models.language.preferences import losses
from sintonia.models.language.preferences.bundles import Bundle, token_counts
from sintonia.models.language.preferences.rule import Known, Rule, batch_loss, divergence_of
from sintonia.models.language.preferences.weighing import BundleEngine
from sintonia.models.language.rows import TokenRow
from tests.tiny import make_tiny_language_model
from tests.unit.models.language.preference_rows import made_bundles

pytest.importorskip("trl")
TOLERANCE = 1e-5
Batch = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """One that trains, and the base."""
    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("models")
    made = [make_tiny_language_model(home / str(seed), seed) for seed in (0, 1)]
    return tuple(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32) for folder in made)


@pytest.fixture(scope="module")
def bundles() -> list[Bundle]:
    """Pairs of which everything after the prompt is learned: what TRL knows."""
    found = []
    for bundle in made_bundles(6, longest=20):
        rows = []
        for row in bundle.rows:
            first = row.learned.index(True)
            learned = tuple(place >= first for place in range(len(row.ids)))
            rows.append(TokenRow(ids=row.ids, learned=learned, num_bytes=1))
        found.append(Bundle(tuple(rows)))
    return found


class Outputs(types.SimpleNamespace):
    """What TRL's patched models return."""


class Patched(torch.nn.Module):
    """A model that answers as TRL's fused output layer does: log-probabilities of the labels, 0 where there is none."""

    def __init__(self, causal: Any) -> None:
        super().__init__()
        self.causal, self.is_gradient_checkpointing = causal, False

    def forward(self, input_ids: Any, attention_mask: Any, labels: Any = None, **_: Any) -> Any:
        logits = self.causal(input_ids=input_ids, attention_mask=attention_mask).logits
        if labels is None:
            return Outputs(logits=logits)
        asked = labels[:, 1:]
        of_all = logits[:, :-1].log_softmax(-1)
        found = of_all.gather(-1, asked.clamp(min=0)[..., None]).squeeze(-1)
        zeros = torch.zeros_like(found)
        log_probs = torch.where(asked >= 0, found, zeros)
        return Outputs(log_probs=log_probs, entropy=zeros, mean_logits=zeros, is_top1=zeros.bool())


class Accelerator:
    """One process on a processor."""

    device = torch.device("cpu")

    def gather_for_metrics(self, values: Any) -> Any:
        return values

    gather = gather_for_metrics


def trainer_of(kind: type, base: Any = None, **values: Any) -> Any:
    """TRL's trainer without its construction: a loss needs these attributes alone."""
    trainer = object.__new__(kind)
    usual = {
        "accelerator": Accelerator(),
        "aux_loss_enabled": False,
        "is_encoder_decoder": False,
        "pad_token_id": 0,
        "padding_value": 0,
        "ref_model": Patched(base) if base is not None else None,
        "model": Patched(None),
        "args": types.SimpleNamespace(gradient_checkpointing_kwargs=None),
        "_metrics": defaultdict(lambda: defaultdict(list)),
        "_total_train_tokens": 0,
        "_tp_size": 1,
    }
    vars(trainer).update(usual | values)
    return trainer


def padded(rows: list[TokenRow]) -> Batch:
    shape = (len(rows), max(len(row.ids) for row in rows))
    ids, mask, learned = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
    for number, row in enumerate(rows):
        place = (number, slice(len(row.ids)))
        ids[place], mask[place], learned[place] = torch.tensor(row.ids), 1, torch.tensor(row.learned).long()
    return {"input_ids": ids, "attention_mask": mask, "completion_mask": learned}


def ours(models: tuple[Any, Any], bundles: list[Bundle], rule: Rule, apart: list[Bundle] | None = None) -> float:
    engine, base = (BundleEngine(one, micro_tokens=400) for one in models)
    known = Known(
        base=torch.from_numpy(base.weigh_bundles(bundles)),
        num_tokens=torch.from_numpy(token_counts(bundles)),
        is_wanted=torch.tensor([k % 3 != 0 for k in range(len(bundles))]) if len(bundles[0].rows) == 1 else None,
    )
    far = 0.0
    if apart:
        far = divergence_of(*(torch.from_numpy(one.weigh_bundles(apart)) for one in (engine, base)))
    found = engine.learn_bundles(bundles, batch_loss(rule, known, far))
    engine.causal.zero_grad()
    return found


@pytest.mark.parametrize(
    ("loss", "theirs", "beta"), [("dpo", "sigmoid", 0.1), ("dpo", "sigmoid", 0.7), ("ipo", "ipo", 0.3)]
)
def test_dpo_and_ipo_are_those_of_trl(
    models: tuple[Any, Any], bundles: list[Bundle], loss: str, theirs: str, beta: float
) -> None:
    from trl import DPOTrainer

    trainer = trainer_of(
        DPOTrainer,
        models[1],
        ld_alpha=None,
        precompute_ref_logps=False,
        f_divergence_type="reverse_kl",
        loss_types=[theirs],
        loss_weights=[1.0],
        beta=beta,
        use_weighting=False,
        label_smoothing=0.0,
    )
    rows = [bundle.rows[side] for side in (0, 1) for bundle in bundles]
    expected = trainer._compute_loss(Patched(models[0]), padded(rows), False)
    assert ours(models, bundles, Rule(loss=loss, beta=beta)) == pytest.approx(float(expected.detach()), abs=TOLERANCE)


def in_sides(bundles: list[Bundle]) -> Batch:
    """A batch as the trainers of ORPO and CPO take it."""
    found: Batch = {}
    for side, name in enumerate(("chosen", "rejected")):
        batch = padded([bundle.rows[side] for bundle in bundles])
        found[f"{name}_input_ids"], found[f"{name}_attention_mask"] = batch["input_ids"], batch["attention_mask"]
        found[f"{name}_labels"] = batch["input_ids"].masked_fill(batch["completion_mask"] == 0, -100)
    return found


@pytest.mark.parametrize("beta", [0.1, 1.0])
def test_orpo_is_that_of_trl(models: tuple[Any, Any], bundles: list[Bundle], beta: float) -> None:
    from trl.experimental.orpo import ORPOTrainer

    trainer = trainer_of(ORPOTrainer, beta=beta)
    metrics: dict[str, float]
    with_prompt, metrics = trainer.get_batch_loss_metrics(models[0], in_sides(bundles))
    rest = [Bundle(bundle.rows, has_rest=True) for bundle in bundles]
    found = ours(models, rest, Rule(loss="orpo", beta=beta, has_rest=True))
    assert found == pytest.approx(float(with_prompt.detach()), abs=TOLERANCE)
    alone = ours(models, bundles, Rule(loss="orpo", beta=beta))
    rows = [bundle.rows[0] for bundle in bundles]
    answers = BundleEngine(models[0], micro_tokens=400).backward(rows)
    models[0].zero_grad()
    assert alone == pytest.approx(answers - beta * metrics["log_odds_ratio"], abs=TOLERANCE)


@pytest.mark.parametrize(("beta", "margin"), [(2.0, 0.5), (0.1, 0.0)])
def test_simpo_is_that_of_trl(models: tuple[Any, Any], bundles: list[Bundle], beta: float, margin: float) -> None:
    from trl.experimental.cpo import CPOTrainer

    trainer = trainer_of(
        CPOTrainer, loss_type="simpo", beta=beta, simpo_gamma=margin, cpo_alpha=0.0, alpha=0.0, label_smoothing=0.0
    )
    expected, _ = trainer.get_batch_loss_metrics(models[0], in_sides(bundles))
    rule = Rule(loss="simpo", beta=beta, target_margin=margin)
    assert ours(models, bundles, rule) == pytest.approx(float(expected.detach()), abs=TOLERANCE)


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.7, 1.6)])
@pytest.mark.parametrize("is_near", [True, False])
def test_kto_is_that_of_trl(
    models: tuple[Any, Any], bundles: list[Bundle], weights: tuple[float, float], is_near: bool
) -> None:
    from trl import KTOTrainer

    single = [Bundle(bundle.rows[:1]) for bundle in bundles]
    apart = apart_of(single)
    order = models if is_near else models[::-1]
    trainer = trainer_of(
        KTOTrainer,
        order[1],
        calculate_KL=True,
        precompute_ref_logps=False,
        loss_type="kto",
        beta=0.1,
        desirable_weight=weights[0],
        undesirable_weight=weights[1],
    )
    batch = padded([one.rows[0] for one in single])
    batch |= {f"KL_{name}": one for name, one in padded([one.rows[0] for one in apart]).items()}
    batch["label"] = torch.tensor([k % 3 != 0 for k in range(len(single))])
    expected = trainer._compute_loss(Patched(order[0]), batch, False)
    rule = Rule(loss="kto", wanted_weight=weights[0], unwanted_weight=weights[1])
    assert ours(order, single, rule, apart) == pytest.approx(float(expected.detach()), abs=TOLERANCE)
    distance = trainer._metrics["train"]["kl"][0]
    assert distance == pytest.approx(divergence_of(*nats_of(order, apart)), abs=1e-4)


def apart_of(single: list[Bundle]) -> list[Bundle]:
    """Each prompt with the answer before it, as TRL rotates them."""
    found = []
    for one, other in zip(single, single[-1:] + single[:-1], strict=True):
        row, wrong = one.rows[0], other.rows[0]
        first, start = row.learned.index(True), wrong.learned.index(True)
        ids = row.ids[:first] + wrong.ids[start:]
        found.append(Bundle((TokenRow(ids=ids, learned=row.learned[:first] + wrong.learned[start:], num_bytes=1),)))
    return found


def nats_of(models: tuple[Any, Any], bundles: list[Bundle]) -> list[torch.Tensor]:
    return [torch.from_numpy(BundleEngine(one, micro_tokens=400).weigh_bundles(bundles)) for one in models]


def test_kto_learns_pairs_as_two_ratings_each(models: tuple[Any, Any], bundles: list[Bundle]) -> None:
    nats, base = nats_of(models, bundles)
    known = Known(base=base, num_tokens=torch.from_numpy(token_counts(bundles)))
    whole = batch_loss(Rule(loss="kto"), known, 0.3)(nats, list(range(len(bundles))))
    ratios, is_wanted = (base - nats).flatten(), torch.tensor([True, False]).repeat(len(bundles))
    assert float(whole) == pytest.approx(float(losses.kto(ratios, is_wanted, 0.3, 0.1, (1.0, 1.0)).mean()))


def test_certain_answers_have_finite_odds() -> None:
    certain = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    one, two = torch.ones(1), torch.full((1,), -2.0)
    pairs = losses.Pairs(
        chosen=certain, rejected=two, num_chosen=one, num_rejected=one, base_chosen=two, base_rejected=two
    )
    found = losses.odds_ratio(pairs, 0.1)
    found.backward()
    assert float(found.detach()) == pytest.approx(0.0, abs=1e-6)
    assert certain.grad is not None
    assert bool(certain.grad.isfinite())

"""The peer's side of the benchmark, on a tiny untrained encoder: what it records can be replayed."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("accelerate", reason="the peer is in the dev extra")
sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks import classify_speed as bench
from sintonia.models.tokens import pad
from sintonia.train.schedule import learning_rate_factor

NUM_EXAMPLES = 96


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny models are slower on many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> bench.Plan:
    """A tiny encoder in a folder, and steps of eight examples."""
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("tiny")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(50))]
    tokenizer = BertTokenizer({word: number for number, word in enumerate(words)})
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    BertModel(
        BertConfig(
            vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
        )
    ).save_pretrained(folder)
    return bench.Plan(model=folder, batch_examples=8, learning_rate=1e-3)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences of 1 to 30 words, whose first word tells the label."""
    path, chance = tmp_path_factory.mktemp("data") / "rows.jsonl", random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(NUM_EXAMPLES + 40):
            words = [f"w{chance.randrange(50)}" for _ in range(chance.randint(1, 30))]
            file.write(json.dumps({"text": " ".join(words), "label": f"l{int(words[0][1:]) % 4}"}) + "\n")
    return path


@pytest.fixture(scope="module")
def rows(plan: bench.Plan, data: Path) -> bench.Rows:
    return bench.read_rows(data, NUM_EXAMPLES, plan)


def plain_loop(rows: bench.Rows, order: bench.Order | None, plan: bench.Plan) -> bench.Run:
    """The same training in plain torch, each batch in one piece."""
    model, run = bench.start_model(plan, rows.num_labels), bench.Run(seconds=1.0)
    size = plan.batch_examples
    order = order or [list(range(k, k + size)) for k in range(0, len(rows.ids), size)]
    vectors = [value for value in model.parameters() if value.ndim == 1]
    tables = [value for value in model.parameters() if value.ndim > 1]
    groups = [{"params": tables, "weight_decay": plan.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=plan.betas, eps=plan.epsilon)
    for step, batch in enumerate(order):
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * learning_rate_factor("linear", step, len(order), plan.warmup_fraction)
        ids, mask = pad([rows.ids[position] for position in batch])
        loss = nn.functional.cross_entropy(model(ids, mask), torch.tensor([rows.targets[k] for k in batch]))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), plan.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        run.order.append(batch)
        run.losses.append(loss.item())
        run.computed_tokens += ids.numel()
    return run


@pytest.fixture(scope="module")
def random_run(plan: bench.Plan, rows: bench.Rows) -> bench.Run:
    return bench.peer(rows, plan, "random", seed=0)


def test_peer_trains_each_example_once(random_run: bench.Run) -> None:
    assert [len(batch) for batch in random_run.order] == [8] * 12
    assert sorted(position for batch in random_run.order for position in batch) == list(range(NUM_EXAMPLES))
    assert random_run.order[0] != sorted(random_run.order[0])
    assert len(set(random_run.losses)) == 12
    assert random_run.examples_per_second > 0


def test_grouping_pads_less_and_seeds_move_the_order(plan: bench.Plan, rows: bench.Rows, random_run: bench.Run) -> None:
    grouped = bench.peer(rows, plan, "group_by_length", seed=0)
    assert grouped.computed_tokens < 0.9 * random_run.computed_tokens
    assert bench.peer(rows, plan, "random", seed=1).order != random_run.order


def test_recorded_order_replays_to_the_same_losses(plan: bench.Plan, rows: bench.Rows, random_run: bench.Run) -> None:
    replayed = plain_loop(rows, random_run.order, plan)
    assert bench.loss_difference(random_run, replayed) < bench.LARGEST_LOSS_DIFFERENCE
    other = bench.Plan(model=plan.model, batch_examples=8, learning_rate=2e-3)
    assert bench.loss_difference(random_run, plain_loop(rows, random_run.order, other)) > 1e-3


def test_other_examples_are_not_compared(random_run: bench.Run) -> None:
    shifted = bench.Run(order=random_run.order[1:] + random_run.order[:1], losses=random_run.losses)
    with pytest.raises(ValueError, match="same examples"):
        bench.loss_difference(random_run, shifted)


def test_command_prints_json_alone_on_stdout(
    plan: bench.Plan, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "ours", plain_loop)
    arguments = ["--data", str(data), "--model", str(plan.model), "--examples", "64", "--repetitions", "1"]
    assert bench.main([*arguments, "--json"]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert set(result["examples_per_second"]) == {
        "Trainer, random",
        "Trainer, group_by_length",
        "sintonia, replaying random",
        "sintonia, replaying group_by_length",
        "sintonia, its own order",
    }
    assert result["losses_agree"]
    assert result["hardware"]["torch"]
    assert result["command"].startswith("python -m benchmarks.classify_speed --data")


def test_missing_data_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        bench.main(["--data", "nowhere.jsonl"])
    assert stop.value.code == 2
    assert "SINTONIA_BENCH_DATA" in capsys.readouterr().err

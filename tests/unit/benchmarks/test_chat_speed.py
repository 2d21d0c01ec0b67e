"""TRL on a tiny language model: what it records can be replayed, to the same losses; and the counts of operations."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl", reason="the peer is in the dev extra")
sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks import chat_speed as bench
from benchmarks import operations
from benchmarks.instructions import read_rows
from benchmarks.operations import Shape, Trained, common_tokens, necessary_operations, shape_of
from benchmarks.peers import FirstValues, Plan, Run, token_rows, train_with_trl
from benchmarks.replay import first_values, opened, train_with_sintonia
from sintonia.models.language.rows import TokenRow
from tests.tiny import make_conversations, make_tiny_language_model, write_rows

NUM_ROWS = 24


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny models are slower on many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A tiny model, and a learning rate at which its loss moves."""
    base = make_tiny_language_model(tmp_path_factory.mktemp("tiny"))
    return Plan(base=base, batch_rows=4, learning_rate=2e-2, rank=4, alpha=8.0, max_tokens=512)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = make_conversations(NUM_ROWS + 20)
    return write_rows(tmp_path_factory.mktemp("data") / "rows.jsonl", rows)


@pytest.fixture(scope="module")
def rows(data: Path) -> bench.Rows:
    return read_rows(str(data), NUM_ROWS)[0]


@pytest.fixture(scope="module")
def first(plan: Plan) -> FirstValues:
    return first_values(plan)


@pytest.fixture(scope="module")
def runs(plan: Plan, rows: bench.Rows, first: FirstValues) -> dict[str, Run]:
    return bench.one_round(plan, rows, first, seed=0)


# ---------------------------------------------------------------- the peer, and its replay


def test_peer_learns_the_completion_of_each_row_once(plan: Plan, rows: bench.Rows, runs: dict[str, Run]) -> None:
    with opened(plan) as learner:
        tokenizer = learner.opened.tokenizer
    for name in (bench.DEFAULTS, bench.BEST):
        batches = runs[name].batches
        assert [len(batch) for batch in batches] == [4] * 6
        seen = sorted(tokenizer.decode(row.ids) for batch in batches for row in batch)
        assert seen == sorted(f"{row['prompt']}{row['completion']}<|im_end|>" for row in rows)
        for row in (row for batch in batches for row in batch):
            learned = [token for token, is_learned in zip(row.ids, row.learned, strict=True) if is_learned]
            assert f"{tokenizer.decode(learned)}" in {f"{one['completion']}<|im_end|>" for one in rows}
    assert runs[bench.DEFAULTS].batches != runs[bench.BEST].batches
    num_tokens = sum(len(row.ids) for batch in runs[bench.BEST].batches for row in batch)
    assert runs[bench.BEST].padded_tokens < 1.1 * num_tokens < runs[bench.DEFAULTS].padded_tokens


@pytest.mark.parametrize("name", [bench.DEFAULTS, bench.BEST])
def test_replay_has_the_losses_and_the_weights_of_the_peer(name: str, runs: dict[str, Run]) -> None:
    theirs, ours = runs[name], runs[bench.PAIRS[name]]
    assert bench.loss_difference(theirs, ours) < 1e-5
    assert theirs.losses[-1] < theirs.losses[0] - 0.05
    assert set(theirs.weights) == set(ours.weights)
    for key, value in theirs.weights.items():
        assert float((ours.weights[key] - value).norm() / value.norm()) < 1e-3
    assert len(theirs.seconds) == len(ours.seconds) == 6


def test_plain_trainer_makes_the_same_updates(plan: Plan, runs: dict[str, Run]) -> None:
    plain = runs[bench.PLAIN]
    assert bench.loss_difference(plain, train_with_sintonia(plan, plain.batches)) < 1e-5


def test_another_learning_rate_is_found_out(plan: Plan, runs: dict[str, Run]) -> None:
    other = train_with_sintonia(replace(plan, learning_rate=1e-2), runs[bench.DEFAULTS].batches)
    assert bench.loss_difference(runs[bench.DEFAULTS], other) > bench.LARGEST_LOSS_DIFFERENCE


def test_other_tokens_and_another_learned_mask_are_not_compared(runs: dict[str, Run]) -> None:
    theirs = runs[bench.DEFAULTS]
    shifted = Run(batches=theirs.batches[1:] + theirs.batches[:1], losses=theirs.losses)
    masked = [[replace(row, learned=(False,) * len(row.ids)) for row in batch] for batch in theirs.batches]
    for other in (shifted, Run(batches=masked, losses=theirs.losses)):
        with pytest.raises(ValueError, match="same tokens"):
            bench.loss_difference(theirs, other)


def test_a_peer_with_adapters_elsewhere_is_refused(plan: Plan, rows: bench.Rows, first: FirstValues) -> None:
    fewer = {name: value for name, value in first.items() if not name.endswith("q_proj")}
    with pytest.raises(ValueError, match="adapts"):
        train_with_trl(plan, rows[:4], fewer, seed=0)


def test_top_layers_alone_replay_too(plan: Plan, rows: bench.Rows) -> None:
    top = replace(plan, trained_layers=1)
    theirs = train_with_trl(top, rows, first_values(top), seed=1)
    assert {name.split(".")[2] for name in theirs.weights} == {"1"}
    assert bench.loss_difference(theirs, train_with_sintonia(top, theirs.batches)) < 1e-5


def test_padding_on_either_side_is_left_out() -> None:
    ids, labels = torch.tensor([[5, 6, 7, 0], [0, 8, 9, 4]]), torch.tensor([[-100, 6, 7, -100], [-100, 8, -100, 4]])
    mask = torch.tensor([[1, 1, 1, 0], [0, 1, 1, 1]])
    made = token_rows({"input_ids": ids, "labels": labels, "attention_mask": mask})
    assert [(row.ids, row.learned) for row in made] == [
        ((5, 6, 7), (False, True, True)),
        ((8, 9, 4), (False, False, True)),
    ]


# ---------------------------------------------------------------- a shared beginning


def test_system_prompt_is_half_of_the_tokens_and_changes_no_loss(plan: Plan, data: Path) -> None:
    chosen = read_rows(str(data), NUM_ROWS, is_chat=True)
    made, share = bench.with_system_prompt(plan, *chosen)
    assert 0.5 <= share < 0.6
    assert len(made) == NUM_ROWS
    result = bench.compare_sharing(replace(plan, batch_rows=8), chosen, 1, lambda line: None)
    assert result["largest_loss_difference"] < 1e-5
    assert set(result["ratios"]) == {bench.UNSHARED}


# ---------------------------------------------------------------- operations

SMOLLM2 = Shape(
    linears=((576, 576), (576, 192), (576, 192), (576, 576), (576, 1536), (576, 1536), (1536, 576)),
    num_layers=30,
    attention_width=576,
    hidden_size=576,
    vocabulary_size=49152,
)


@pytest.mark.parametrize(
    ("num_layers", "is_cached", "learned_fraction", "expected"),
    [
        (30, False, 1.0, 620),
        (30, False, 0.5, 564),
        (30, False, 0.3, 541),
        (30, False, 0.1, 518),
        (15, False, 0.3, 402),
        (15, True, 0.3, 287),
        (8, False, 0.3, 338),
        (8, True, 0.3, 169),
        (4, False, 0.3, 301),
        (4, True, 0.3, 102),
    ],
)
def test_operations_of_a_token_are_those_of_the_notes(
    num_layers: int, is_cached: bool, learned_fraction: float, expected: int
) -> None:
    """shared/reference/performance.md 2.3: million operations a token, LoRA r16, 512 tokens, no mask."""
    num_learned = round(512 * learned_fraction)
    row = TokenRow(ids=(0,) * 512, learned=(False,) * (512 - num_learned) + (True,) * num_learned, num_bytes=0)
    trained = Trained(rank=16, num_layers=num_layers, is_cached=is_cached)
    assert necessary_operations(SMOLLM2, trained, [row]) / 512 / 1e6 == pytest.approx(expected, abs=0.7)


def test_shared_beginning_counts_once() -> None:
    """Against a count of the different beginnings, each of which is one token to compute."""
    rows = [
        TokenRow(ids=(1, 2, 3, tail, *range(tail)), learned=(False,) * (4 + tail), num_bytes=0) for tail in (4, 5, 9)
    ]
    assert common_tokens(rows) == 3
    beginnings = {row.ids[: k + 1] for row in rows for k in range(len(row.ids))}
    pairs = sum(map(len, beginnings))
    weights, adapters = 30 * SMOLLM2.layer_weights, 30 * SMOLLM2.adapter_weights(16)
    expected = len(beginnings) * (4 * weights + 6 * adapters) + 12 * pairs * 576 * 30
    assert necessary_operations(SMOLLM2, Trained(rank=16, num_layers=30), rows) == expected
    alone = Trained(rank=16, num_layers=30, is_shared=False)
    assert necessary_operations(SMOLLM2, alone, rows) == sum(
        necessary_operations(SMOLLM2, alone, [row]) for row in rows
    )
    assert common_tokens(rows[:1]) == 0
    assert common_tokens([rows[0], rows[0]]) == len(rows[0].ids) - 1


def test_shape_is_that_of_the_model(plan: Plan) -> None:
    shape = shape_of(plan.base)
    kv = 32 // 4 * 2
    assert shape.layer_weights == 2 * 32 * 32 + 2 * 32 * kv + 3 * 32 * 64
    assert (shape.num_layers, shape.hidden_size, shape.attention_width) == (2, 32, 32)
    assert SMOLLM2.layer_weights == 3_538_944
    assert SMOLLM2.head_weights == 28_311_552


def test_speed_of_products_is_weighted_by_their_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def seconds(rows: int, inputs: int, outputs: int, _: float) -> dict[str, float]:
        needed = 4.0 * rows * inputs * outputs
        return {"torch.mm": needed / (1e9 if outputs == 49152 else 5e9), "oneDNN": needed / 5e9}

    monkeypatch.setattr(operations, "_seconds_of_products", seconds)
    speed = operations.measured_speed(SMOLLM2, 256, 64)
    share = 64 * SMOLLM2.head_weights / (64 * SMOLLM2.head_weights + 256 * 30 * SMOLLM2.layer_weights)
    assert speed.torch_mm == pytest.approx(1 / (share / 1e9 + (1 - share) / 5e9))
    assert speed.best == pytest.approx(5e9)


def test_products_are_timed_each_way() -> None:
    taken = operations._seconds_of_products(64, 128, 256, 0.01)
    assert 0 < taken["torch.mm"] < 0.1
    assert all(0 < value < 0.1 for value in taken.values())


# ---------------------------------------------------------------- the command


def test_command_prints_json_alone_on_stdout(plan: Plan, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", str(data), "--base", str(plan.base), "--rows", "12", "--batch", "4", "--rounds", "1"]
    assert bench.main([*arguments, "--threads", "1", "--chat", "--json"]) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    (result,) = printed["results"].values()
    assert set(result["contestants"]) == {*bench.PAIRS, *bench.PAIRS.values()} - {bench.UNSHARED, bench.SHARED}
    assert set(result["ratios"]) == {bench.DEFAULTS, bench.BEST, bench.PLAIN}
    assert result["losses_agree"]
    assert printed["hardware"]["trl"]
    assert printed["command"].startswith("python -m benchmarks.chat_speed --data")
    assert "1.8x" in bench.table(result)


def test_losses_that_differ_fail_the_command(
    plan: Plan, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def careless(plan: Plan, batches: list[list[TokenRow]], **training: Any) -> Run:
        return train_with_sintonia(replace(plan, learning_rate=1e-2), batches, **training)

    monkeypatch.setattr(bench, "train_with_sintonia", careless)
    monkeypatch.setattr(bench, "measured_speed", lambda *_: operations.Speed(torch_mm=1e11, best=1e11))
    arguments = ["--data", str(data), "--base", str(plan.base), "--rows", "12", "--batch", "4", "--rounds", "1"]
    assert bench.main([*arguments, "--threads", "1"]) == 1
    assert "DO NOT AGREE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--data", "nowhere.jsonl"], "SINTONIA_BENCH_FOLDER"), (["--rows", "8", "--data", __file__], "two steps")],
)
def test_impossible_wishes_are_usage_errors(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        bench.main(arguments)
    assert stop.value.code == 2
    assert said in capsys.readouterr().err

"""TRL's DPO on a tiny language model: what each of its steps saw is replayed, to the same losses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("trl", reason="the peer is in the dev extra")
sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks import prefer_speed as bench
from benchmarks.peers import Plan
from benchmarks.prefer_peers import train_with_trl
from benchmarks.replay import first_values
from sintonia.models.language.preferences.bundles import Bundle
from tests.tiny import make_conversations, make_tiny_language_model, write_rows


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A tiny model, and a learning rate at which its loss moves."""
    torch.set_num_threads(1)
    base = make_tiny_language_model(tmp_path_factory.mktemp("tiny"))
    return Plan(base=base, batch_rows=4, learning_rate=2e-2, rank=4, alpha=8.0, max_tokens=512)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_conversations(16)
    rows = [{"prompt": one["prompt"], "chosen": one["completion"], "rejected": "never mind"} for one in made]
    return write_rows(tmp_path_factory.mktemp("data") / "pairs.jsonl", rows)


def test_replayed_steps_have_the_losses_of_the_peer(plan: Plan, data: Path) -> None:
    rows, first = bench.read_pairs(str(data), 16), first_values(plan)
    for settings in ({}, bench.BEST_SETTING):
        theirs = train_with_trl(plan, rows, first, 0, **settings)
        assert [len(batch) for batch in theirs.batches] == [4] * 4
        ours = bench.train_with_sintonia(plan, first, theirs.batches)
        assert theirs.losses[0] == pytest.approx(0.6931, abs=1e-4)
        assert theirs.losses[-1] < 0.6
        num_computed, difference = ours.padded_tokens, bench.loss_difference(theirs, ours)
        assert difference < 1e-4
        assert num_computed < 0.7 * theirs.padded_tokens
        turned = [[Bundle(pair.rows[::-1]) for pair in batch] for batch in theirs.batches]
        planted = bench.loss_difference(theirs, bench.train_with_sintonia(plan, first, turned))
        assert planted > 0.01


def test_the_command_prints_what_repeats_it(plan: Plan, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--data", str(data), "--base", str(plan.base), "--rows", "12", "--batch", "4", "--rounds", "1", "--json"]
    assert bench.main([*asked, "--threads", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["command"].startswith("python -m benchmarks.prefer_speed --data")
    result = told["results"][str(data)]
    assert result["losses_agree"]
    assert set(result["ratios"]) == {bench.DEFAULTS, bench.BEST}
    assert "losses agree" in bench.table(result)
    with pytest.raises(SystemExit):
        bench.main(["--data", str(data), "--rows", "4", "--batch", "4"])

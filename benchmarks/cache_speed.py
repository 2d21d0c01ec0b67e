"""What does training the top half alone cost and give, when the frozen half is computed once?

    python -m benchmarks.cache_speed [--data spider_dev] [--rows 96] [--validation 64] [--epochs 3] [--rounds 3]

SmolLM2-135M, LoRA of rank 16 on the upper half of the layers, three epochs: sintonia with what the frozen half computes
kept on disk, against its own LoRA on all layers and against TRL's on the upper half (`layers_to_transform`), at its
defaults and at its best setting. All see the tokens that TRL at its defaults saw, step by step (TRL at its best has an
order of its own). The validation loss of each stands beside its time: half of the layers may learn less.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.chat_speed import (
    BEST_SETTING,
    LARGEST_LOSS_DIFFERENCE,
    begin,
    command_line,
    default_base,
    loss_difference,
    speed_parser,
    timed_seconds,
    timed_tokens,
)
from benchmarks.instructions import Rows, read_rows
from benchmarks.operations import hardware, shape_of
from benchmarks.peers import Plan, Run, train_with_trl
from benchmarks.replay import first_values, opened, train_with_sintonia
from sintonia.models.language.rows import TokenRow

DEFAULTS, BEST = "TRL, top half, defaults", "TRL, top half, best setting"
CACHED, COMPUTED, ALL = "sintonia, top half, cached", "sintonia, top half, not cached", "sintonia, all layers"
BARS = {ALL: 1.5, DEFAULTS: 2.8}


@dataclass(frozen=True, kw_only=True)
class Question:
    """The two plans and the rows."""

    top: Plan
    whole: Plan
    train: Rows
    validation: list[TokenRow]


def ask(base: Path, data: str, sizes: tuple[int, int], epochs: int) -> Question:
    """The rows, and half of the layers."""
    num_layers = shape_of(base).num_layers
    whole = Plan(base=base, epochs=epochs)
    num_rows, num_validation = sizes
    train, others = read_rows(data, num_rows)
    return Question(
        top=replace(whole, trained_layers=num_layers - num_layers // 2),
        whole=whole,
        train=train,
        validation=plain_rows(base, others[:num_validation]),
    )


def plain_rows(base: Path, rows: Rows) -> list[TokenRow]:
    """Prompt and completion as TRL makes tokens of them."""
    from transformers import AutoTokenizer

    tokenizer, made = AutoTokenizer.from_pretrained(base), []
    for row in rows:
        prompt = tokenizer(row["prompt"])["input_ids"]
        whole = tokenizer(row["prompt"] + row["completion"] + tokenizer.eos_token)["input_ids"]
        start = next((k for k, pair in enumerate(zip(prompt, whole, strict=False)) if pair[0] != pair[1]), len(prompt))
        learned = tuple(k >= max(start, 1) for k in range(len(whole)))
        made.append(TokenRow(ids=tuple(whole), learned=learned, num_bytes=len(row["completion"].encode())))
    return made


def validation_loss(plan: Plan, rows: list[TokenRow], weights: dict[str, torch.Tensor] | None) -> float:
    """Mean nats per learned token, by one judge for all: our own engine with the weights that were learned."""
    with opened(plan) as learner:
        if weights is not None:
            learner.load(weights)
        return float(learner.engine.losses(rows).nats.sum()) / sum(row.num_learned for row in rows)


def one_round(asked: Question, seed: int) -> dict[str, Run]:
    """Each contestant once."""
    first = first_values(asked.top)
    runs = {DEFAULTS: train_with_trl(asked.top, asked.train, first, seed)}
    gc.collect()
    batches = runs[DEFAULTS].batches
    runs[CACHED] = train_with_sintonia(asked.top, batches, cache="on")
    runs[COMPUTED] = train_with_sintonia(asked.top, batches, cache="off")
    runs[ALL] = train_with_sintonia(asked.whole, batches)
    gc.collect()
    runs[BEST] = train_with_trl(asked.top, asked.train, first, seed, **BEST_SETTING)
    return runs


def all_seconds(run: Run) -> float:
    """The steps, and what was computed beforehand to be kept."""
    return timed_seconds(run) + run.preparing_seconds


def speed(run: Run) -> float:
    """Tokens a second, with what was computed beforehand."""
    return timed_tokens(run) / all_seconds(run)


def compare(asked: Question, rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """All contestants, `rounds` times in turn."""
    every = []
    for number in range(rounds):
        every.append(one_round(asked, number))
        told = ", ".join(f"{name} {all_seconds(run):.1f} s" for name, run in every[-1].items())
        tell(f"round {number + 1} of {rounds}: {told}")
    differences = [loss_difference(runs[DEFAULTS], runs[COMPUTED]) for runs in every]
    cached = [loss_difference(runs[DEFAULTS], runs[CACHED]) for runs in every]
    plans = {ALL: asked.whole}
    return {
        "validation_loss_of_the_base": validation_loss(asked.whole, asked.validation, None),
        "contestants": {
            name: {
                "seconds": statistics.median(all_seconds(runs[name]) for runs in every),
                "tokens_per_second": statistics.median(speed(runs[name]) for runs in every),
                "validation_loss": statistics.median(
                    validation_loss(plans.get(name, asked.top), asked.validation, runs[name].weights) for runs in every
                ),
            }
            for name in every[0]
        },
        "ratios": {
            name: statistics.median(speed(runs[CACHED]) / speed(runs[name]) for runs in every)
            for name in every[0]
            if name != CACHED
        },
        "largest_loss_difference": max(differences),
        "largest_loss_difference_cached": max(cached),
        "losses_agree": max(differences) < LARGEST_LOSS_DIFFERENCE,
    }


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f"{'':34}{'seconds':>9}{'tokens/s':>10}{'validation':>12}{'cached is':>11}{'bar':>7}"]
    for name, one in result["contestants"].items():
        ratio, bar = result["ratios"].get(name), BARS.get(name)
        lines.append(
            f"{name:34}{one['seconds']:9.1f}{one['tokens_per_second']:10.0f}{one['validation_loss']:12.4f}"
            + (f"{ratio:10.2f}x" if ratio else "")
            + (f"{bar:6.1f}x" if bar else "")
        )
    agree = "agree" if result["losses_agree"] else "DO NOT AGREE"
    lines.append(
        f"validation: nats per learned token (the base: {result['validation_loss_of_the_base']:.4f}); losses {agree}: "
        f"the largest relative difference of a step is {result['largest_loss_difference']:.1e} without the cache, "
        f"{result['largest_loss_difference_cached']:.1e} with it"
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; exit code 1 when the losses do not agree."""
    parser = speed_parser("cache_speed", __doc__, "spider_dev", 96)
    parser.add_argument("--validation", type=int, default=64, help="rows to validate on")
    parser.add_argument("--epochs", type=int, default=3)
    asked, names = begin(parser, arguments)
    if len(names) > 1:
        parser.error("--data names one set of rows here")
    question = ask(asked.base or default_base(), asked.data, (asked.rows, asked.validation), asked.epochs)
    result = compare(question, asked.rounds, lambda line: print(line, file=sys.stderr))
    command = command_line("cache_speed", arguments)
    heading = {"command": command, "hardware": hardware()}
    print(
        json.dumps(heading | result, indent=1) if asked.json else f"{command}\n{heading['hardware']}\n{table(result)}"
    )
    return 0 if result["losses_agree"] else 1


if __name__ == "__main__":
    sys.exit(main())

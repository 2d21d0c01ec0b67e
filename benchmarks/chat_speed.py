"""How fast does a language model learn conversations, against TRL's `SFTTrainer`?

    python -m benchmarks.chat_speed [--data instructions_tiny|spider_dev|both|FILE] [--rows 64] [--batch 8] [--rounds 3]
    python -m benchmarks.chat_speed --system-prompt [--batch 16]

SmolLM2-135M, LoRA of rank 16 on all linear layers, float32, AdamW, no dropout, the same first values. TRL runs at its
defaults and at its best setting (no gradient checkpointing, rows of similar length together). What each of its steps
saw, tokens and labels, is recorded and replayed in sintonia, so the losses of the steps must agree. A plain `Trainer`
with peft stands beside, for orientation. Times are of the steps alone, the first one left out.

With `--system-prompt` sintonia runs against itself: rows that share a system prompt of half their tokens, with the
shared beginning computed once, and for each row.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.instructions import Rows, find_file, read_rows
from benchmarks.operations import (
    Shape,
    Speed,
    Trained,
    common_tokens,
    hardware,
    measured_speed,
    necessary_operations,
    shape_of,
)
from benchmarks.peers import FirstValues, Plan, Run, train_with_transformers, train_with_trl
from benchmarks.replay import first_values, template_of, train_with_sintonia
from sintonia.models.language.rows import TokenRow

LARGEST_LOSS_DIFFERENCE = 1e-4
"""Relative, of any step."""
BEST_SETTING = {"gradient_checkpointing": False, "train_sampling_strategy": "group_by_length"}
DEFAULTS, BEST, PLAIN = "TRL, defaults", "TRL, best setting", "Trainer and peft, padded"
UNSHARED, SHARED = "sintonia, nothing shared", "sintonia, beginning shared"
PAIRS = {
    DEFAULTS: "sintonia, replaying TRL's defaults",
    BEST: "sintonia, replaying TRL's best setting",
    PLAIN: "sintonia, replaying TRL's defaults",
    UNSHARED: SHARED,
}
"""Who is compared with which run of ours. The plain trainer has an order of its own."""
BARS = {DEFAULTS: 2.7, BEST: 1.8, UNSHARED: 1.6}


# ---------------------------------------------------------------- side by side


def loss_difference(theirs: Run, replayed: Run) -> float:
    """Largest relative difference of the losses of a step.

    Raises:
        ValueError: the steps did not see the same tokens, so there is nothing to compare.
    """
    if theirs.batches != replayed.batches:
        raise ValueError("the replay did not see the same tokens in the same steps")
    pairs = zip(theirs.losses, replayed.losses, strict=True)
    return max(abs(a - b) / max(abs(a), abs(b), 1e-12) for a, b in pairs)


def timed_seconds(run: Run) -> float:
    """Seconds of all steps but the first, which warms up."""
    return sum(run.seconds[1:])


def timed_tokens(run: Run) -> int:
    """Tokens of these steps, without padding; a shared beginning counts in each row."""
    return sum(len(row.ids) for rows in run.batches[1:] for row in rows)


def one_round(plan: Plan, rows: Rows, first: FirstValues, seed: int) -> dict[str, Run]:
    """Each contestant once; a replay follows what it replays."""
    runs: dict[str, Run] = {}
    for name, settings in ((DEFAULTS, {}), (BEST, BEST_SETTING)):
        runs[name] = train_with_trl(plan, rows, first, seed, **settings)
        gc.collect()
        runs[PAIRS[name]] = train_with_sintonia(plan, runs[name].batches)
        gc.collect()
    flat = [row for batch in runs[DEFAULTS].batches for row in batch]
    runs[PLAIN] = train_with_transformers(plan, flat, first, seed)
    return runs


def compare(plan: Plan, rows: Rows, rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """All contestants, `rounds` times in turn."""
    first = first_values(plan)
    return _measure(plan, lambda seed: one_round(plan, rows, first, seed), rounds, tell)


def _measure(
    plan: Plan, turn: Callable[[int], dict[str, Run]], rounds: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    """What `turn` gives, `rounds` times: speeds, ratios within each round, differences of the losses."""
    shape = shape_of(plan.base)
    trained = Trained(rank=plan.rank, num_layers=plan.trained_layers or shape.num_layers)
    every: list[dict[str, Run]] = []
    speeds: list[Speed] = []
    for number in range(rounds):
        every.append(turn(number))
        speeds.append(_machine_speed(shape, next(iter(every[-1].values()))))
        tell(f"round {number + 1} of {rounds}: " + _told(every[-1], speeds[-1]))
    pairs = {theirs: mine for theirs, mine in PAIRS.items() if theirs in every[0]}
    differences = [
        loss_difference(runs[theirs], runs[mine]) for runs in every for theirs, mine in pairs.items() if theirs != PLAIN
    ]
    return {
        "contestants": {name: _summary([runs[name] for runs in every], speeds, shape, trained) for name in every[0]},
        "ratios": {theirs: _ratio(every, theirs, mine) for theirs, mine in pairs.items()},
        "machine_operations_per_second": statistics.median(speed.best for speed in speeds),
        "torch_mm_operations_per_second": statistics.median(speed.torch_mm for speed in speeds),
        "losses": {name: run.losses for name, run in every[0].items()},
        "largest_loss_difference": max(differences),
        "losses_agree": max(differences) < LARGEST_LOSS_DIFFERENCE,
    }


def _machine_speed(shape: Shape, run: Run) -> Speed:
    batches = len(run.batches)
    num_tokens = sum(len(row.ids) for rows in run.batches for row in rows) // batches
    return measured_speed(shape, num_tokens, sum(row.num_learned for rows in run.batches for row in rows) // batches)


def _summary(runs: list[Run], speeds: list[Speed], shape: Shape, trained: Trained) -> dict[str, float]:
    needed = [sum(necessary_operations(shape, trained, rows) for rows in run.batches[1:]) for run in runs]
    seconds = [timed_seconds(run) for run in runs]
    shares = [one / taken / speed.best for one, taken, speed in zip(needed, seconds, speeds, strict=True)]
    real = sum(len(row.ids) for run in runs for rows in run.batches for row in rows)
    return {
        "seconds": statistics.median(seconds),
        "tokens_per_second": statistics.median([timed_tokens(run) / timed_seconds(run) for run in runs]),
        "padding_fraction": 1.0 - real / sum(run.padded_tokens for run in runs),
        "share_of_machine": statistics.median(shares),
    }


def _ratio(every: Sequence[dict[str, Run]], theirs: str, mine: str) -> float:
    """How many times our tokens a second; the median of the rounds, each compared within itself."""
    speeds = [[timed_tokens(runs[name]) / timed_seconds(runs[name]) for name in (mine, theirs)] for runs in every]
    return statistics.median([ours / other for ours, other in speeds])


def _told(runs: dict[str, Run], speed: Speed) -> str:
    """One line for those who wait."""
    seconds = ", ".join(f"{name} {timed_seconds(run):.1f} s" for name, run in runs.items())
    return f"{seconds}; matrices {speed.best / 1e9:.0f} GFLOP/s"


# ---------------------------------------------------------------- a shared system prompt


def with_system_prompt(plan: Plan, rows: Rows, others: Rows) -> tuple[list[TokenRow], float]:
    """The rows behind a system prompt of half of all tokens, made of other rows' words; and its share of them."""
    template = template_of(plan)
    words = [word for row in others for side in ("prompt", "completion") for word in row[side][0]["content"].split()]

    def behind(num_words: int) -> tuple[list[TokenRow], float]:
        system = {"role": "system", "content": " ".join(words[:num_words])}
        contents = [{"messages": [system, *row["prompt"], *row["completion"]]} for row in rows]
        made = [template.render(content, plan.max_tokens) for content in contents]
        return made, common_tokens(made) * len(made) / sum(len(row.ids) for row in made)

    low, high = 1, len(words)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if behind(middle)[1] >= 0.5 else (middle + 1, high)
    return behind(low)


def compare_sharing(plan: Plan, chosen: tuple[Rows, Rows], rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Sintonia with the shared beginning computed once, and for each row, in turn."""
    made, share = with_system_prompt(plan, *chosen)
    batches = [made[k : k + plan.batch_rows] for k in range(0, len(made), plan.batch_rows)]

    def turn(_: int) -> dict[str, Run]:
        return {
            UNSHARED: train_with_sintonia(plan, batches, shared_prefix=False),
            SHARED: train_with_sintonia(plan, batches, shared_prefix=True),
        }

    return _measure(plan, turn, rounds, tell) | {"shared_fraction": share}


# ---------------------------------------------------------------- command


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f"{'':38}{'seconds':>9}{'tokens/s':>10}{'padding':>9}{'of mm':>7}{'ours is':>9}{'bar':>7}"]
    for name, one in result["contestants"].items():
        ratio, bar = result["ratios"].get(name), BARS.get(name)
        lines.append(
            f"{name:38}{one['seconds']:9.1f}{one['tokens_per_second']:10.0f}{one['padding_fraction']:9.0%}"
            f"{one['share_of_machine']:7.0%}" + (f"{ratio:8.2f}x" if ratio else "") + (f"{bar:6.1f}x" if bar else "")
        )
    agree = "agree" if result["losses_agree"] else "DO NOT AGREE"
    lines.append(
        f"losses {agree}: the largest relative difference of a step is {result['largest_loss_difference']:.1e}; "
        f"matrices are multiplied at {result['machine_operations_per_second'] / 1e9:.0f} GFLOP/s "
        f"({result['torch_mm_operations_per_second'] / 1e9:.0f} by torch.mm), 'of mm' is the share of it that the "
        "necessary operations reach"
    )
    return "\n".join(lines)


def default_base() -> Path:
    """The folder of the base that comes with sintonia."""
    from sintonia.models.catalog import find_entry
    from sintonia.models.sources import locate

    return locate(find_entry("smollm2")).model


def speed_parser(name: str, description: str | None, data: str, num_rows: int) -> argparse.ArgumentParser:
    """What every benchmark of a language model's speed is asked, with its own usual data and number of rows."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", default=data, help="instructions_tiny, spider_dev, or a JSONL file (%(default)s)")
    parser.add_argument("--base", type=Path, help="folder of the base model (smollm2 when not given)")
    parser.add_argument("--rows", type=int, default=num_rows)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def begin(parser: argparse.ArgumentParser, arguments: list[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """What was asked, and the names of the data; refuses data that is not there, and sets the number of threads."""
    asked = parser.parse_args(arguments)
    names = ["instructions_tiny", "spider_dev"] if asked.data == "both" else [asked.data]
    for name in names:
        if not find_file(name).is_file():
            parser.error(f"there is no file `{find_file(name)}`: give --data FILE or set SINTONIA_BENCH_FOLDER")
    torch.set_num_threads(asked.threads)
    return asked, names


def command_line(name: str, arguments: list[str] | None) -> str:
    """What repeats this run."""
    return " ".join([f"python -m benchmarks.{name}", *(sys.argv[1:] if arguments is None else arguments)])


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; exit code 1 when the losses do not agree."""
    parser = speed_parser("chat_speed", __doc__, "both", 64)
    parser.add_argument("--batch", type=int, help="rows of a step (8; 16 with --system-prompt)")
    parser.add_argument("--chat", action="store_true", help="rows as conversations in the base's chat template")
    parser.add_argument(
        "--system-prompt", action="store_true", help="our own speed with a shared beginning, and without"
    )
    asked, names = begin(parser, arguments)
    batch = asked.batch or (16 if asked.system_prompt else 8)
    if asked.rows <= batch:
        parser.error("--rows must give at least two steps: the first warms up and is not timed")
    plan = Plan(base=asked.base or default_base(), batch_rows=batch)
    function = compare_sharing if asked.system_prompt else _compare_rows
    results = {}
    for name in names:
        chosen = read_rows(name, asked.rows, asked.chat or asked.system_prompt)
        results[name] = function(plan, chosen, asked.rounds, lambda line: print(line, file=sys.stderr))
    command = command_line("chat_speed", arguments)
    heading = {"command": command, "hardware": hardware(), "rows": asked.rows, "batch": batch, "rounds": asked.rounds}
    if asked.json:
        print(json.dumps(heading | {"results": results}, indent=1))
    else:
        shown = "\n\n".join(f"{name}\n{table(result)}" for name, result in results.items())
        print(f"{command}\n{heading['hardware']}\n{shown}")
    return 0 if all(result["losses_agree"] for result in results.values()) else 1


def _compare_rows(plan: Plan, chosen: tuple[Rows, Rows], rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    return compare(plan, chosen[0], rounds, tell)


if __name__ == "__main__":
    sys.exit(main())

"""How fast does a language model learn preferences, against TRL's `DPOTrainer`?

    python -m benchmarks.prefer_speed [--data persona_pref|instructions_tiny|both|FILE] [--rows 64] [--batch 8]

SmolLM2-135M, DPO, LoRA of rank 16 on all linear layers, float32, AdamW, no dropout, the same first values. Rows are
conversations in the base's chat template. TRL runs at its defaults and at its best setting: reference computed before
the first step, no gradient checkpointing, pairs of similar length together (its `padding_free` is switched off in this
version, which says so itself). What each of its steps saw is recorded and replayed in sintonia, pair by pair, so the
losses of the steps must agree. Times are of the steps alone, the first one left out; what is computed before the first
step stands beside.
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.chat_speed import LARGEST_LOSS_DIFFERENCE, command_line, default_base, speed_parser, timed_seconds
from benchmarks.instructions import DATA_FOLDER, find_file
from benchmarks.operations import hardware
from benchmarks.peers import FirstValues, Plan, Run
from benchmarks.prefer_peers import BETA, Rows, train_with_trl
from benchmarks.replay import first_values
from sintonia.choose import choose
from sintonia.models.language.preferences.bundles import Bundle, token_counts, tree_of
from sintonia.models.language.preferences.rule import Known
from sintonia.records import Example, Place
from sintonia.resources.plan import MICRO_TOKENS
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, LoraSettings, PreferSettings, Recipe, TrainingSettings
from sintonia.train import Job
from sintonia.train.learners.preference import PreferenceLearner
from sintonia.train.loop import Loop

DEFAULTS, BEST = "TRL, defaults", "TRL, best setting"
BEST_SETTING = {
    "gradient_checkpointing": False,
    "precompute_ref_log_probs": True,
    "train_sampling_strategy": "group_by_length",
    "remove_unused_columns": False,
}
PAIRS = {DEFAULTS: "sintonia, replaying TRL's defaults", BEST: "sintonia, replaying TRL's best setting"}
BARS = {BEST: 1.8}
FILES = {
    "persona_pref": "persona_pref/interest-in-science.jsonl",
    "instructions_tiny": "instructions_tiny/pref_train.jsonl",
}


def read_pairs(asked: str, num_rows: int) -> Rows:
    """A random choice of pairs as conversations, the same at each call."""
    with pair_file(asked).open(encoding="utf-8") as file:
        everything = [json.loads(line) for line in file if line.strip()]
    random.Random(0).shuffle(everything)
    return [
        {
            "prompt": [{"role": "user", "content": row["prompt"].strip()}],
            "chosen": [{"role": "assistant", "content": row["chosen"].strip()}],
            "rejected": [{"role": "assistant", "content": row["rejected"].strip()}],
        }
        for row in everything[:num_rows]
    ]


def pair_file(asked: str) -> Path:
    """The file of a known name, or the path that was given."""
    return DATA_FOLDER / FILES[asked] if asked in FILES else find_file(asked)


# ---------------------------------------------------------------- ours


class Replay(Loop):
    """Sintonia's own loop over given batches of pairs, without validation."""

    def __init__(self, learner: PreferenceLearner, batches: Sequence[list[Bundle]]) -> None:
        some, everything = learner.sets[0], list(dict.fromkeys(pair for batch in batches for pair in batch))
        some.bundles, some.learnable = everything, [0] * len(everything)
        counts = torch.from_numpy(token_counts(everything))
        some.known = Known(base=torch.zeros(counts.shape, dtype=torch.float64), num_tokens=counts)
        learner.lengths = [tree_of(bundle).num_tokens for bundle in everything]
        for _ in learner.prepare():
            pass
        super().__init__(learner.job, learner)
        positions = {bundle: position for position, bundle in enumerate(everything)}
        self.order = [[positions[bundle] for bundle in batch] for batch in batches]
        self.total_steps, self.evaluation_steps = len(batches), set()

    def batch(self, step: int) -> list[int]:
        """The batch that was asked for."""
        return self.order[step]


def _job(plan: Plan, folder: Path) -> Job:
    """One pair, in whose place those are put that are trained on."""
    said = [[{"role": "assistant", "content": text}] for text in ("Yes.", "No.")]
    content = {"messages": [{"role": "user", "content": "Hello?"}], "chosen": said[0], "rejected": said[1]}
    example = Example(id="0", input="Hello?", target="chosen", group="", place=Place(file="", line=1), content=content)
    recipe = Recipe(
        data=DataSettings(path="rows"),
        task="prefer",
        base=f"file:{plan.base}",
        method="lora",
        lora=LoraSettings(rank=plan.rank, alpha=plan.alpha),
        prefer=PreferSettings(loss="dpo", beta=BETA),
        training=TrainingSettings(
            epochs=1.0,
            learning_rate=plan.learning_rate,
            batch_examples=plan.batch_rows,
            warmup_fraction=0.0,
            weight_decay=0.0,
            dropout=0.0,
            clip_norm=plan.clip_norm,
            precision="fp32",
            max_tokens=plan.max_tokens,
            checkpoint_steps=10**9,
            micro_tokens=MICRO_TOKENS,
        ),
    )
    return Job(
        run=RunFolder.create(folder, recipe),
        recipe=recipe,
        base=choose(recipe, "prefer"),
        labels=(),
        primary_metric="preference_accuracy",
        train=(example,),
        validation=(example,),
        turn=1,
        part="000",
    )


def train_with_sintonia(plan: Plan, first: FirstValues, batches: Sequence[list[Bundle]]) -> Run:
    """These batches, a step each."""
    run = Run(batches=list(batches))  # type: ignore[arg-type]
    run.padded_tokens = sum(tree_of(pair).num_tokens for batch in batches for pair in batch)
    with tempfile.TemporaryDirectory() as folder:
        learner = PreferenceLearner(_job(plan, Path(folder) / "run"))
        with torch.no_grad():
            for name, values in first.items():
                learner.parameters[f"{name}.lora_A"].copy_(values)
        began = time.perf_counter()
        loop = Replay(learner, batches)
        run.preparing_seconds = time.perf_counter() - began
        while loop.step < loop.total_steps:
            began = time.perf_counter()
            run.losses += [event.values["loss"] for event in loop.advance() if event.kind == "step"]
            run.seconds.append(time.perf_counter() - began)
    return run


# ---------------------------------------------------------------- side by side


def loss_difference(theirs: Run, replayed: Run) -> float:
    """Largest relative difference of the losses of a step."""
    pairs = zip(theirs.losses, replayed.losses, strict=True)
    return max(abs(a - b) / max(abs(a), abs(b), 1e-12) for a, b in pairs)


def compare(plan: Plan, rows: Rows, rounds: int) -> dict[str, Any]:
    """All contestants, `rounds` times in turn; a replay follows what it replays."""
    first, every = first_values(plan), []
    for number in range(rounds):
        runs: dict[str, Run] = {}
        for name, settings in ((DEFAULTS, {}), (BEST, BEST_SETTING)):
            runs[name] = train_with_trl(plan, rows, first, number, **settings)
            gc.collect()
            runs[PAIRS[name]] = train_with_sintonia(plan, first, runs[name].batches)  # type: ignore[arg-type]
            gc.collect()
        every.append(runs)
        told = ", ".join(f"{name} {timed_seconds(run):.1f} s" for name, run in runs.items())
        print(f"round {number + 1} of {rounds}: {told}", file=sys.stderr)
    differences = [loss_difference(runs[theirs], runs[mine]) for runs in every for theirs, mine in PAIRS.items()]
    return {
        "contestants": {name: _summary([runs[name] for runs in every]) for name in every[0]},
        "ratios": {
            theirs: statistics.median(timed_seconds(runs[theirs]) / timed_seconds(runs[mine]) for runs in every)
            for theirs, mine in PAIRS.items()
        },
        "largest_loss_difference": max(differences),
        "losses_agree": max(differences) < LARGEST_LOSS_DIFFERENCE,
        "losses": {name: run.losses for name, run in every[0].items()},
    }


def _summary(runs: list[Run]) -> dict[str, float]:
    pairs = sum(len(batch) for batch in runs[0].batches[1:])
    return {
        "seconds": statistics.median(timed_seconds(run) for run in runs),
        "pairs_per_second": statistics.median(pairs / timed_seconds(run) for run in runs),
        "preparing_seconds": statistics.median(run.preparing_seconds for run in runs),
        "computed_tokens": runs[0].padded_tokens,
    }


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f"{'':40}{'seconds':>9}{'pairs/s':>9}{'before':>9}{'tokens':>9}{'ours is':>9}{'bar':>6}"]
    for name, one in result["contestants"].items():
        ratio, bar = result["ratios"].get(name), BARS.get(name)
        lines.append(
            f"{name:40}{one['seconds']:9.1f}{one['pairs_per_second']:9.2f}{one['preparing_seconds']:9.1f}"
            f"{one['computed_tokens']:9.0f}" + (f"{ratio:8.2f}x" if ratio else "") + (f"{bar:5.1f}x" if bar else "")
        )
    agree = "agree" if result["losses_agree"] else "DO NOT AGREE"
    lines.append(
        f"losses {agree}: the largest relative difference of a step is {result['largest_loss_difference']:.1e}; "
        "`before` are seconds before the first step (TRL: loading and tokenising too), `tokens` what the steps compute"
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; exit code 1 when the losses do not agree."""
    parser = speed_parser("prefer_speed", __doc__, "instructions_tiny", 64)
    parser.add_argument("--batch", type=int, default=8, help="pairs of a step (%(default)s)")
    asked = parser.parse_args(arguments)
    names = list(FILES) if asked.data == "both" else [asked.data]
    for name in names:
        if not pair_file(name).is_file():
            parser.error(f"there is no file `{pair_file(name)}`: give --data FILE or set SINTONIA_BENCH_FOLDER")
    torch.set_num_threads(asked.threads)
    if asked.rows <= asked.batch:
        parser.error("--rows must give at least two steps: the first warms up and is not timed")
    plan = Plan(base=asked.base or default_base(), batch_rows=asked.batch, learning_rate=5e-5)
    results = {name: compare(plan, read_pairs(name, asked.rows), asked.rounds) for name in names}
    command = command_line("prefer_speed", arguments)
    heading = {"command": command, "hardware": hardware(), "rows": asked.rows, "batch": asked.batch}
    if asked.json:
        print(json.dumps(heading | {"results": results}, indent=1))
    else:
        shown = "\n\n".join(f"{name}\n{table(result)}" for name, result in results.items())
        print(f"{command}\n{heading['hardware']}\n{shown}")
    return 0 if all(result["losses_agree"] for result in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

"""How many examples a second does training a classifier take, against `transformers.Trainer`?

    python -m benchmarks.classify_speed [--data FILE] [--model FOLDER] [--examples 3200] [--json]

All weights of MiniLM are trained for one epoch in float32 without dropout, from the same weights and with
the same optimizer and schedule. The peer runs with its default random order and with `group_by_length`. Each
of its orders is replayed in sintonia, so that each optimizer step sees the same examples; the losses must
agree.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from sintonia.choose import choose
from sintonia.models.pooled import PooledEncoder, load_encoder, load_tokenizer
from sintonia.models.tokens import thrifty_groups, tokenize
from sintonia.records import Example, Place
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe, TrainingSettings
from sintonia.train import Job
from sintonia.train.batches import epoch_batches
from sintonia.train.learners.pooled import OVERHEAD_TOKENS, EncoderLearner
from sintonia.train.loop import Loop
from sintonia.train.schedule import learning_rate_factor

DEFAULT_DATA = Path(__file__).parents[2] / "shared" / "data" / "banking77" / "train.jsonl"
LARGEST_LOSS_DIFFERENCE = 1e-4
Order = list[list[int]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What both sides train with."""

    model: Path
    batch_examples: int = 32
    learning_rate: float = 5e-5
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    warmup_fraction: float = 0.1
    max_tokens: int = 128


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The training examples: texts, their token ids, and their targets as numbers."""

    texts: list[str]
    ids: list[list[int]]
    targets: list[int]
    num_labels: int


@dataclass(kw_only=True)
class Run:
    """One training: which examples each optimizer step saw, its loss, and what it took."""

    order: Order = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    computed_tokens: int = 0
    """Tokens put through the encoder, padding included."""

    @property
    def examples_per_second(self) -> float:
        """Training examples a second, from the first step to the end of the last."""
        return sum(map(len, self.order)) / self.seconds


def read_rows(path: Path, num_examples: int, plan: Plan) -> Rows:
    """A random choice of rows, the same at each call."""
    with path.open(encoding="utf-8") as file:
        everything = [json.loads(line) for line in file if line.strip()]
    chosen = random.Random(0).sample(everything, min(num_examples, len(everything)))
    labels = sorted({row["label"] for row in chosen})
    texts = [row["text"] for row in chosen]
    return Rows(
        texts=texts,
        ids=tokenize(load_tokenizer(plan.model), texts, plan.max_tokens).ids,
        targets=[labels.index(row["label"]) for row in chosen],
        num_labels=len(labels),
    )


def start_model(plan: Plan, num_labels: int) -> PooledEncoder:
    """The weights that each training starts from: the pre-trained encoder and a seeded head; no dropout."""
    model = load_encoder(plan.model)
    generator = torch.Generator().manual_seed(0)
    model.add_head(torch.randn(num_labels, model.hidden_size, generator=generator) * 0.02, torch.zeros(num_labels))
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model.train()


# ---------------------------------------------------------------- sintonia


class Replay(Loop):
    """Sintonia's own loop over given batches, without validation: what Trainer does here too."""

    def __init__(self, job: Job, order: Order | None, num_labels: int, plan: Plan) -> None:
        learner = EncoderLearner(job)
        learner.model.head.load_state_dict(start_model(plan, num_labels).head.state_dict())
        super().__init__(job, learner)
        self.order = order or epoch_batches(learner.lengths, plan.batch_examples, seed=0, epoch=0)
        self.total_steps, self.evaluation_steps = len(self.order), set()

    def batch(self, step: int) -> list[int]:
        """The batch that was asked for."""
        return self.order[step]


def ours(rows: Rows, order: Order | None, plan: Plan) -> Run:
    """Sintonia's training loop over these batches of row positions; over its own when `order` is None."""
    labels = tuple(f"{k:03d}" for k in range(rows.num_labels))
    examples = tuple(
        Example(id=str(k), input=text, target=labels[target], group="", place=Place(file="", line=k))
        for k, (text, target) in enumerate(zip(rows.texts, rows.targets, strict=True))
    )
    training = TrainingSettings(
        epochs=1.0,
        learning_rate=plan.learning_rate,
        batch_examples=plan.batch_examples,
        micro_tokens=4096,
        warmup_fraction=plan.warmup_fraction,
        weight_decay=plan.weight_decay,
        dropout=0.0,
        clip_norm=plan.clip_norm,
        precision="fp32",
        head_start="random",
        max_tokens=plan.max_tokens,
        checkpoint_steps=10**9,
    )
    recipe = Recipe(data=DataSettings(path="rows"), task="classify", base=f"file:{plan.model}", training=training)
    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            run=RunFolder.create(Path(folder) / "run", recipe),
            recipe=recipe,
            base=choose(recipe),
            labels=labels,
            primary_metric="accuracy",
            train=examples,
            validation=examples[:1],
            turn=1,
            part="000",
        )
        loop = Replay(job, order, rows.num_labels, plan)
        run, began = Run(order=loop.order), time.perf_counter()
        while loop.step < loop.total_steps:
            run.losses += [event.values["loss"] for event in loop.advance() if event.kind == "step"]
        run.seconds = time.perf_counter() - began
        lengths = loop.learner.lengths
    for batch in loop.order:
        groups = thrifty_groups([lengths[k] for k in batch], 4096, OVERHEAD_TOKENS)
        run.computed_tokens += sum(len(group) * max(lengths[batch[k]] for k in group) for group in groups)
    return run


# ---------------------------------------------------------------- transformers.Trainer


class PeerModel(nn.Module):
    """Our encoder as Trainer wants a model to look: named tensors in, a dict with the loss out."""

    def __init__(self, encoder: PooledEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Mean loss of the batch and its logits."""
        logits = self.encoder(input_ids, attention_mask)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


class RecordingTrainer(Trainer):
    """Trainer with a note of what it did, and with our shape of the warm-up (its own starts at rate zero)."""

    def __init__(self, run: Run, warmup_fraction: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.run, self.warmup_fraction = run, warmup_fraction

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
        """Notes positions and loss; everything else is Trainer's."""
        self.run.order.append(inputs.pop("position").tolist())
        self.run.computed_tokens += inputs["input_ids"].numel()
        loss = super().compute_loss(model, inputs, *rest, **named)
        self.run.losses.append(float(loss.detach()))
        return loss

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> Any:
        """Linear up, linear down."""
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer or self.optimizer,
            lambda step: learning_rate_factor("linear", step, num_training_steps, self.warmup_fraction),
        )
        return self.lr_scheduler


class Stopwatch(TrainerCallback):
    """Seconds of training alone, without Trainer's preparation."""

    def __init__(self, run: Run) -> None:
        self.run, self.began = run, 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Starts the watch."""
        self.began = time.perf_counter()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Stops the watch."""
        self.run.seconds = time.perf_counter() - self.began


def peer(rows: Rows, plan: Plan, sampling: str, seed: int) -> Run:
    """`transformers.Trainer` for one epoch; `sampling` is `random`, its default, or `group_by_length`."""
    run, tokenizer = Run(), load_tokenizer(plan.model)
    dataset = [
        {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": target, "position": position}
        for position, (ids, target) in enumerate(zip(rows.ids, rows.targets, strict=True))
    ]
    with tempfile.TemporaryDirectory() as folder:
        asked = TrainingArguments(
            output_dir=folder,
            num_train_epochs=1,
            per_device_train_batch_size=plan.batch_examples,
            learning_rate=plan.learning_rate,
            adam_beta1=plan.betas[0],
            adam_beta2=plan.betas[1],
            adam_epsilon=plan.epsilon,
            weight_decay=plan.weight_decay,
            max_grad_norm=plan.clip_norm,
            train_sampling_strategy=sampling,
            seed=seed,
            use_cpu=True,
            remove_unused_columns=False,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = RecordingTrainer(
            run,
            plan.warmup_fraction,
            model=PeerModel(start_model(plan, rows.num_labels)),
            args=asked,
            train_dataset=dataset,
            data_collator=DataCollatorWithPadding(tokenizer),
            processing_class=tokenizer,
            callbacks=[Stopwatch(run)],
        )
        trainer.remove_callback(PrinterCallback)  # stdout is for the result
        trainer.train()
    return run


# ---------------------------------------------------------------- side by side


def compare(rows: Rows, plan: Plan, repetitions: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """All contestants in turn, `repetitions` times: examples a second, ratios, differences of the losses."""
    runs: dict[str, list[Run]] = {}
    differences: list[float] = []
    for repetition in range(repetitions):
        for sampling in ("random", "group_by_length"):
            theirs = peer(rows, plan, sampling, seed=repetition)
            replayed = ours(rows, theirs.order, plan)
            differences.append(loss_difference(theirs, replayed))
            runs.setdefault(f"Trainer, {sampling}", []).append(theirs)
            runs.setdefault(f"sintonia, replaying {sampling}", []).append(replayed)
        runs.setdefault("sintonia, its own order", []).append(ours(rows, None, plan))
        tell(
            f"repetition {repetition + 1} of {repetitions}: "
            + ", ".join(f"{name} {group[-1].examples_per_second:.1f}" for name, group in runs.items())
        )
    speeds = {name: [one.examples_per_second for one in group] for name, group in runs.items()}
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    mine = {name: value for name, value in medians.items() if name.startswith("sintonia")}
    return {
        "examples_per_second": medians,
        "each_examples_per_second": speeds,
        "computed_tokens": {name: group[-1].computed_tokens for name, group in runs.items()},
        "ratio_to_default": {name: value / medians["Trainer, random"] for name, value in mine.items()},
        "ratio_to_group_by_length": {name: value / medians["Trainer, group_by_length"] for name, value in mine.items()},
        "largest_loss_difference": max(differences),
        "losses_agree": max(differences) < LARGEST_LOSS_DIFFERENCE,
    }


def loss_difference(theirs: Run, replayed: Run) -> float:
    """Largest difference of the losses of a step.

    Raises:
        ValueError: the steps did not see the same examples, so there is nothing to compare.
    """
    if [sorted(batch) for batch in theirs.order] != [sorted(batch) for batch in replayed.order]:
        raise ValueError("the replay did not see the same examples in the same steps")
    return max(abs(a - b) for a, b in zip(theirs.losses, replayed.losses, strict=True))


def hardware() -> dict[str, Any]:
    """The machine and the versions, as far as they can be known without asking for rights."""
    names = [line.partition(":")[2].strip() for line in _lines(Path("/proc/cpuinfo")) if "model name" in line]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "num_threads": torch.get_num_threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _table(result: dict[str, Any]) -> str:
    """The result for people."""
    rows = [f"{'':34}{'examples/s':>11}{'x default':>11}{'x grouped':>11}{'tokens':>11}"]
    for name, speed in result["examples_per_second"].items():
        ratios = (result[key].get(name) for key in ("ratio_to_default", "ratio_to_group_by_length"))
        shown = "".join(f"{ratio:11.2f}" if ratio else " " * 11 for ratio in ratios)
        rows.append(f"{name:34}{speed:11.1f}{shown}{result['computed_tokens'][name]:11,}")
    agree = "agree" if result["losses_agree"] else "DO NOT AGREE"
    return "\n".join(
        [*rows, f"losses {agree}: the largest difference in a step is {result['largest_loss_difference']:.1e}"]
    )


def _default_model() -> Path:
    from sintonia.models.catalog import find_entry
    from sintonia.models.sources import fetch

    return fetch(find_entry("minilm"))


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; exit code 1 when the losses do not agree."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.classify_speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data",
        type=Path,
        help="JSONL of text and label",
        default=Path(os.environ.get("SINTONIA_BENCH_DATA", DEFAULT_DATA)),
    )
    parser.add_argument("--model", type=Path, help="folder of the base model (minilm when not given)")
    parser.add_argument("--examples", type=int, default=3200, help="training examples, one epoch of them")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    asked = parser.parse_args(arguments)
    if not asked.data.is_file():
        parser.error(f"there is no file `{asked.data}`: give --data FILE or set SINTONIA_BENCH_DATA")
    plan = Plan(model=asked.model or _default_model())
    rows = read_rows(asked.data, asked.examples, plan)
    command = " ".join(["python -m benchmarks.classify_speed", *(arguments or sys.argv[1:])])
    heading = {
        "command": command,
        "data": str(asked.data),
        "examples": len(rows.ids),
        "batch_examples": plan.batch_examples,
        "repetitions": asked.repetitions,
        "hardware": hardware(),
    }
    result = heading | compare(rows, plan, asked.repetitions, lambda line: print(line, file=sys.stderr))
    if asked.json:
        print(json.dumps(result, indent=1))
    else:
        print(f"{command}\n{heading['hardware']}\n{_table(result)}")
    return 0 if result["losses_agree"] else 1


if __name__ == "__main__":
    sys.exit(main())

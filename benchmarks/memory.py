"""How far is the memory that was promised from the peak that a training really takes?

Each case trains a few steps with the real loop (micro-batches filled, an evaluation, a checkpoint, the model saved) in
a process of its own, and prints the estimate beside the peak resident size of that process.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

WORDS = [
    "rain",
    "sun",
    "cloud",
    "storm",
    "wind",
    "snow",
    "song",
    "guitar",
    "melody",
    "band",
    "bread",
    "cheese",
    "soup",
    "train",
    "ticket",
    "hotel",
    "map",
    "journey",
]
GOAL = 0.15
"""The largest median of |estimate - measured| / measured that passes."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One training to be measured."""

    base: str
    folder: str
    task: str
    method: str
    micro_tokens: int
    longest: int = 256
    checkpointing: str = "off"
    is_fused: bool = True

    @property
    def name(self) -> str:
        """As the table shows it."""
        ways = (" checkpointing" if self.checkpointing == "on" else "") + ("" if self.is_fused else " plain")
        return f"{self.base} {self.method} {self.micro_tokens}x{self.longest}{ways}"


SIZES = {
    "tiny encoder": (4096, 16384),
    "narrow language model": (2048, 16384),
    "minilm": (1024, 4096),
    "smollm2": (512, 2048),
}
"""Bases by name, and the micro-batches that each is measured with."""
TASKS = {"tiny encoder": "classify", "minilm": "classify", "narrow language model": "chat", "smollm2": "chat"}


def cases(folders: dict[str, str]) -> list[Case]:
    """Every base with every method and size, and the other ways to compute with the narrow one."""
    made = [
        Case(
            base=base,
            folder=folder,
            task=TASKS[base],
            method=method,
            micro_tokens=micro_tokens,
            longest=60 if base == "tiny encoder" else 256,
        )
        for base, folder in folders.items()
        for method in ("full", "lora")
        for micro_tokens in SIZES[base]
    ]
    narrow = [one for one in made if one.base == "narrow language model" and one.micro_tokens == 16384]
    plain = [dataclasses.replace(one, is_fused=False) for one in made if one.base == "narrow language model"]
    plain += [dataclasses.replace(one, is_fused=False) for one in made if one.base == "smollm2" and is_short(one)]
    return (
        made
        + [dataclasses.replace(one, checkpointing="on") for one in narrow]
        + plain
        + [dataclasses.replace(one, is_fused=False, checkpointing="on") for one in narrow]
    )


def is_short(case: Case) -> bool:
    """Whether it takes a minute on the real base, and not many."""
    return case.method == "lora" and case.micro_tokens <= 512


def examples(case: Case, count: int, seed: int) -> tuple[Any, ...]:
    """Made-up examples, most of them near the longest; the narrow model reads letters."""
    from sintonia.records import Example, Place

    generator, made = random.Random(seed), []
    letters = case.longest - 60 if case.base == "narrow language model" else 6 * case.longest
    for number in range(count):
        words = generator.choices(WORDS, k=max(3, int(letters * generator.uniform(0.5, 1.0) / 6)))
        text, answer = " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])
        is_chat = case.task == "chat"
        turns = [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]
        made.append(
            Example(
                id=f"{seed}-{number}",
                input=text if is_chat else " ".join(words),
                target=answer if is_chat else str(number % 4),
                group=str(number),
                place=Place(file="rows", line=number + 1),
                content={"messages": turns} if is_chat else None,
            )
        )
    return tuple(made)


def make_job(case: Case, folder: Path) -> Any:
    """Three steps, each of a little more than one micro-batch, and two evaluations."""
    from sintonia.choose import choose
    from sintonia.runs import RunFolder
    from sintonia.settings import DataSettings, Recipe, TrainingSettings
    from sintonia.train import Job

    batch = max(4, round(1.1 * case.micro_tokens / (0.75 * case.longest)))
    training = TrainingSettings(
        epochs=1.0,
        learning_rate=1e-4,
        batch_examples=batch,
        micro_tokens=case.micro_tokens,
        evaluations=2,
        early_stopping=False,
        head_start="random",
        max_tokens=case.longest,
        precision="fp32",
        dropout=0.0,
        weight_decay=0.0,
        checkpointing=case.checkpointing,
        fused=case.is_fused,
    )
    recipe = Recipe(
        data=DataSettings(path="rows"),
        base=f"file:{case.folder}",
        task=case.task,
        method=case.method,
        training=training,
    )
    return Job(
        run=RunFolder.create(folder / "run", recipe),
        recipe=recipe,
        base=choose(recipe, case.task),
        labels=() if case.task == "chat" else ("0", "1", "2", "3"),
        primary_metric="bits_per_byte" if case.task == "chat" else "accuracy",
        train=examples(case, 3 * batch, 1),
        validation=examples(case, 4, 2),
        turn=1,
        part="000",
    )


def measure(case: Case) -> dict[str, Any]:
    """Trains the case in this very process: promised and measured bytes."""
    from sintonia.resources.meter import peak_memory_bytes
    from sintonia.train import train

    with tempfile.TemporaryDirectory() as folder:
        job = make_job(case, Path(folder))
        for _ in train(job):
            pass
    measured = peak_memory_bytes()  # before the rows are read again
    return {"estimated": promised_bytes(case, job), "measured": measured}


def promised_bytes(case: Case, job: Any) -> int:
    """The estimate, from what is known before the training: of conversations the lengths of all rows."""
    from transformers import AutoConfig

    from sintonia.resources.estimate import SetSizes, estimate_turn, shape_of, workload_of
    from sintonia.resources.plan import Lengths, language_peak_bytes
    from sintonia.train.learners import make_learner

    if case.task == "classify":
        sizes = SetSizes(num_train=len(job.train), num_validation=4, longest_tokens=case.longest)
        return estimate_turn(job.recipe, job.base, sizes, 0.0).peak_memory_bytes
    shape = shape_of(job.base, AutoConfig.from_pretrained(case.folder))
    rows = make_learner(job).train_rows
    lengths = Lengths(
        longest=tuple(sorted((len(row.ids) for row in rows), reverse=True)),
        max_tokens=case.longest,
        learned_fraction=sum(row.num_learned for row in rows) / sum(len(row.ids) for row in rows),
    )
    return language_peak_bytes(shape, workload_of(job.recipe, shape, lengths))


def in_child(case: Case) -> dict[str, Any]:
    """Measures the case in a new process."""
    command = [sys.executable, "-m", "benchmarks.memory", "--case", json.dumps(dataclasses.asdict(case))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{case.name}: {done.stderr.strip().splitlines()[-1]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return {"case": case.name, **found, "error": found["estimated"] / found["measured"] - 1}


def make_bases(folder: Path, names: list[str]) -> dict[str, str]:
    """The folders of the bases that are asked for: made, or from the cache of downloads."""
    from tests.tiny import make_tiny_base, make_tiny_language_model

    narrow = {"hidden_size": 64, "num_hidden_layers": 8, "intermediate_size": 176}
    found = {}
    for name in names:
        if name == "tiny encoder":
            found[name] = str(make_tiny_base(folder / "encoder"))
        elif name == "narrow language model":
            found[name] = str(make_tiny_language_model(folder / "narrow", **narrow))
        else:
            from sintonia.models.catalog import find_entry
            from sintonia.models.sources import locate

            found[name] = str(locate(find_entry(name)).model)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; exit code 1 when the median error is above the goal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--bases", default=",".join(SIZES), help="which bases, with commas between")
    parser.add_argument("--only", default="", help="only cases whose name holds this, such as `plain`")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.case:
        print(json.dumps(measure(Case(**json.loads(asked.case)))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for case in cases(make_bases(Path(folder), asked.bases.split(","))):
            if asked.only not in case.name:
                continue
            rows.append(in_child(case))
            print(f"measured {case.name}", file=sys.stderr)
    if not rows:
        parser.error(f"no case holds `{asked.only}` in its name")
    median = statistics.median(abs(row["error"]) for row in rows)
    if asked.json:
        print(json.dumps({"rows": rows, "median_error": median, "goal": GOAL}, indent=1))
    else:
        print(f"{'':50}{'estimated':>12}{'measured':>12}{'error':>9}")
        for row in rows:
            sizes = "".join(f"{row[name] / 2**20:8.0f} MiB" for name in ("estimated", "measured"))
            print(f"{row['case']:50}{sizes}{row['error']:9.1%}")
        print(f"median of the errors without their sign: {median:.1%} (goal: at most {GOAL:.0%})")
    return 0 if median <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())

"""The price of a token on this machine: matrices multiplied, and a few real steps with the bases that are here.

The steps are those of a training, on made-up texts, in a folder that is gone afterwards.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from pathlib import Path

from sintonia.errors import SintoniaError
from sintonia.records import Example, ExampleSet, Machine, Part, Place, Prepared, SealedTest
from sintonia.records.health import Reading, Speeds, TokenPace
from sintonia.settings import DataSettings, Recipe

_NUM_EXAMPLES = 64
_NUM_WORDS = {"classify": (8, 24), "chat": (40, 120)}
"""Words of a made-up example, least and most: about those of a question, and of a short conversation."""
_TEXT = """
the train was late so we drank some coffee and talked about weather in town near river where my sister has house
with garden old dog two children who like music books games football summer winter bread cheese soup
"""
_MOST_SECONDS = 10.0
"""After so long no further base is begun: the machine is too busy to tell anything. The steps of one that was begun
stop by themselves (`try_steps`: after 2.5 seconds, and a single one lasts no longer by the pace of the first)."""
_WIDE = {"avx512_bf16", "amx_bf16"}


def measure_speeds(machine: Machine, names: tuple[str, ...]) -> tuple[Speeds, tuple[Reading, ...]]:
    """How fast matrices are multiplied, and these bases read and trained by the usual method; and what failed."""
    import torch

    from sintonia.models.catalog import default_base
    from sintonia.resources.machine.speed import matrix_speed

    began = time.monotonic()
    paces: list[TokenPace] = []
    failed: list[Reading] = []
    fp32 = matrix_speed("fp32")
    bf16 = matrix_speed("bf16") if _WIDE & set(machine.vector_units) else None
    for task in _NUM_WORDS:
        name, spent = default_base(task), time.monotonic() - began
        found = (_pace(name, task) if spent < _MOST_SECONDS else _too_busy(name)) if name in names else None
        if isinstance(found, TokenPace):
            paces.append(found)
        elif found is not None:
            failed.append(found)
    speeds = Speeds(
        num_threads=torch.get_num_threads(),
        fp32_operations_per_second=fp32,
        bf16_operations_per_second=bf16,
        bases=tuple(paces),
        seconds=time.monotonic() - began,
    )
    return speeds, tuple(failed)


def _pace(name: str, task: str) -> TokenPace | Reading:
    """By a few steps of the real training, which are thrown away; or why there is none."""
    from sintonia.choose import choose
    from sintonia.corridor.billing.trial import try_steps
    from sintonia.models.catalog import find_entry
    from sintonia.models.loading import load_tokenizer
    from sintonia.models.sources import locate
    from sintonia.resolve import resolve
    from sintonia.runs import RunFolder

    recipe = Recipe(data=DataSettings(path="made up"), task=task)  # type: ignore[arg-type]
    examples = _made_up(task)
    try:
        base = choose(recipe, task)
        filled, _ = resolve(recipe, base, _prepared(task))
        with tempfile.TemporaryDirectory(prefix="sintonia-doctor-") as folder:
            run = RunFolder.create(Path(folder) / "run", recipe)
            paces = try_steps(run, base, _prepared(task), filled, (examples, examples[: _NUM_EXAMPLES // 8]))
        tokenizer = load_tokenizer(locate(find_entry(name)).tokenizer)
    except SintoniaError as error:
        message, cure = f"`{name}` cannot be trained: {error.what}", error.hint or "sintonia doctor --quick"
        return Reading(topic="bases", state="problem", message=message, cure=cure)
    if paces is None or not paces.step_seconds:
        message = f"`{name}` is whole, and not one step of a training worked with it"
        return Reading(topic="bases", state="problem", message=message, cure="sintonia quickstart  # says what fails")
    texts = [f"{one.input} {one.target}" if task == "chat" else one.input for one in examples]
    tokens = int(filled.training.batch_examples) * statistics.mean(len(ids) for ids in tokenizer(texts)["input_ids"])
    return TokenPace(
        base=name,
        method=filled.method,
        forward_tokens_per_second=1 / paces.forward_seconds,
        training_tokens_per_second=1 / (paces.step_seconds + paces.update_seconds / tokens),
    )


def _too_busy(name: str) -> Reading:
    message = f"`{name}` was not timed: the processor is too busy with other programs"
    return Reading(topic="speed", state="note", message=message, cure="sintonia doctor  # again, when they are done")


def _made_up(task: str) -> tuple[Example, ...]:
    """Ordinary words in no order, always the same."""
    generator, made = random.Random(0), []
    least, most = _NUM_WORDS[task]
    for number in range(_NUM_EXAMPLES):
        words = generator.choices(_TEXT.split(), k=generator.randint(least, most))
        text, answer = " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])
        turns = [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]
        made.append(
            Example(
                id=str(number),
                input=text if task == "chat" else " ".join(words),
                target=answer if task == "chat" else str(number % 4),
                group=str(number),
                place=Place(file="made up", line=number + 1),
                content={"messages": turns} if task == "chat" else None,
            )
        )
    return tuple(made)


def _prepared(task: str) -> Prepared:
    """The examples as if they had been read from a file."""
    made = ExampleSet(path="", count=_NUM_EXAMPLES, sha256="")
    return Prepared(
        data_id="",
        task=task,
        form="made up",
        labels=() if task == "chat" else ("0", "1", "2", "3"),
        columns={},
        primary_metric="bits_per_byte" if task == "chat" else "accuracy",
        notes=(),
        parts=(Part(name="000", train=made, validation=made, test=SealedTest(count=0, sha256="")),),
        findings=(),
        rows_in=_NUM_EXAMPLES,
        rows_used=_NUM_EXAMPLES,
        rows_set_aside=0,
        label_counts={},
    )

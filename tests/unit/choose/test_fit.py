"""Whether a base fits a machine is what the run's own plan and its own checkpoints say, told from a shape alone."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from sintonia.choose import fit as fitting
from sintonia.choose.fit import _question, fit, fit_each, fits_here
from sintonia.errors import UsageError
from sintonia.methods import METHODS
from sintonia.models.catalog import Entry, catalog
from sintonia.records import Base, Machine, Processor
from sintonia.resolve import resolve
from sintonia.resources.disk import training_disk_parts
from sintonia.resources.estimate import encoder_peak_bytes, encoder_peak_parts, num_trained, shape_of, workload_of
from sintonia.resources.plan import Lengths, language_peak_bytes, language_peak_parts, plan_memory
from sintonia.settings import DataSettings, LoraSettings, Recipe, TrainingSettings
from sintonia.tasks import TASKS, classify
from sintonia.train.checkpoint import refuse_full_disk
from sintonia.train.snapshot import checkpoint_bytes
from tests.nouns import ENCODER_BASE, LANGUAGE_BASE, make_prepared

GIB = 2**30
SMALL, LARGE = Lengths(longest=(200,) * 8, max_tokens=2048), Lengths(longest=(2048,) * 64, max_tokens=2048)
NARROW = Entry(
    reference="hf:a/narrow",
    name="narrow",
    kind="language",
    num_parameters=134_515_008,
    num_layers=30,
    hidden_size=576,
    intermediate_size=1536,
    vocabulary_size=49152,
    num_heads=9,
    num_key_value_heads=3,
    max_tokens=8192,
)
BROAD = dataclasses.replace(
    NARROW,
    reference="hf:a/broad",
    name="broad",
    num_parameters=7_615_616_512,
    num_layers=28,
    hidden_size=3584,
    intermediate_size=18944,
    vocabulary_size=152_064,
    num_heads=28,
    num_key_value_heads=4,
)
ENCODER = Entry(
    reference="hf:a/encoder",
    name="encoder",
    kind="encoder",
    num_parameters=109_482_240,
    num_layers=12,
    hidden_size=768,
    intermediate_size=3072,
    vocabulary_size=30522,
    max_tokens=512,
)


def machine(memory_gib: float, disk_gib: float = 1000, gpu_gib: int = 0) -> Machine:
    """Made up; nine tenths of its memory are free."""
    gpus = (Processor(name="Big", memory_bytes=gpu_gib * GIB, free_bytes=gpu_gib * GIB),) if gpu_gib else ()
    return Machine(
        processor="made up",
        num_cores=4,
        vector_units=("avx2",),
        memory_bytes=int(memory_gib * GIB),
        free_memory_bytes=int(0.9 * memory_gib * GIB),
        free_disk_bytes=int(disk_gib * GIB),
        gpus=gpus,
    )


def recipe(task: str, method: str = "auto", **training: object) -> Recipe:
    settings = TrainingSettings(**training)  # type: ignore[arg-type]
    return Recipe(data=DataSettings(path="x"), task=task, method=method, training=settings)  # type: ignore[arg-type]


# ---------------------------------------------------------------- the parts are the whole


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("changes", [{}, {"checkpointing": "on"}, {"fused": False}, {"averaging": True}])
def test_parts_of_a_language_model_add_up_to_its_peak(method: str, changes: dict[str, object]) -> None:
    settings = {("frozen_layers" if name == "frozen" else name): value for name, value in changes.items()}
    asked = recipe(
        "chat", method, batch_examples=8, **(settings if method == "full" or "frozen" not in changes else {})
    )
    shape = shape_of(LANGUAGE_BASE)
    for lengths in (SMALL, LARGE, None):
        work = workload_of(asked, shape, lengths)
        parts = language_peak_parts(shape, work)
        assert sum(parts.values()) == language_peak_bytes(shape, work)
        assert all(size >= 0 for size in parts.values()) and parts["weights"] == 4 * shape.num_parameters
        assert parts["gradients"] == 4 * work.num_trained and parts["optimizer"] == 8 * work.num_trained


@pytest.mark.parametrize("method", ["full", "lora", "head"])
def test_parts_of_an_encoder_add_up_to_its_peak(method: str) -> None:
    asked = recipe("classify", method)
    parts = encoder_peak_parts(asked, ENCODER_BASE, 4096)
    assert sum(parts.values()) == encoder_peak_bytes(asked, ENCODER_BASE, 4096)
    assert (parts["optimizer"] == 0) is (method == "head")


# ---------------------------------------------------------------- as the run itself


@pytest.mark.parametrize("memory_gib", [2, 3, 4, 6, 8, 24])
@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("lengths", [SMALL, LARGE])
def test_a_conversation_fits_where_the_run_s_own_plan_says_so(memory_gib: float, method: str, lengths: Lengths) -> None:
    """The shape as the run has it, from the settings of the base: heads that share keys."""
    there = machine(memory_gib)
    found = fit(NARROW, recipe("chat", method), there, lengths)
    base = dataclasses.replace(LANGUAGE_BASE, reference="x")
    prepared = dataclasses.replace(make_prepared(500), task="chat", primary_metric="bits_per_byte")
    filled, _ = resolve(recipe("chat", method), base, prepared)
    heads = SimpleNamespace(num_attention_heads=9, num_key_value_heads=3)
    shape = shape_of(base, heads)
    work = workload_of(filled, shape, lengths)
    try:
        plan = plan_memory(shape, work, there.free_memory_bytes)
    except UsageError:
        assert found.outcome == "does not fit"
        return
    assert found.outcome == ("fits with checkpointing" if plan.uses_checkpoints else "fits")
    assert found.peak_memory_bytes == plan.peak_memory_bytes == sum(found.parts.values())


@pytest.mark.parametrize("method", ["full", "lora", "head"])
def test_an_encoder_fits_where_choosing_it_is_not_refused(method: str) -> None:
    base = _base(ENCODER)
    needed = encoder_peak_bytes(recipe("classify", method), base, classify.MICRO_TOKENS)
    for spare, outcome in ((0, "fits"), (-1, "does not fit")):
        there = dataclasses.replace(machine(64), free_memory_bytes=needed + spare)
        found = fit(ENCODER, recipe("classify", method), there)
        assert (found.outcome, found.peak_memory_bytes) == (outcome, needed)


def _base(entry: Entry) -> Base:
    question = _question(entry, recipe("classify"), machine(64), None)
    assert not hasattr(question, "outcome")
    return question.base  # type: ignore[union-attr]


@pytest.mark.parametrize("averaging", [False, True])
@pytest.mark.parametrize("steps", ["validation", 10])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_disk_is_what_the_training_itself_asks_for(averaging: bool, steps: object, method: str, tmp_path: Path):
    """`checkpoint_bytes` and `refuse_full_disk` of the loop, on a learner of that many weights."""
    asked = recipe("chat", method, averaging=averaging, checkpoint_steps=steps)
    shape = shape_of(LANGUAGE_BASE)
    trained = num_trained(asked, shape)
    learner = SimpleNamespace(parameters={"all": torch.empty(trained, device="meta")})
    loop = SimpleNamespace(learner=learner, job=SimpleNamespace(recipe=asked), is_watched=True)
    parts = training_disk_parts(asked, shape)
    assert parts["model"] == 4 * (shape.num_parameters if method == "full" else trained)
    free = shutil.disk_usage(tmp_path).free
    room = free - int(2 * checkpoint_bytes(loop) * 1.1)  # type: ignore[arg-type]
    refuse_full_disk(tmp_path, checkpoint_bytes(loop), room - 2**26)  # type: ignore[arg-type]
    assert parts["checkpoints"] == pytest.approx(free - room, abs=2)


# ---------------------------------------------------------------- machines


def test_a_laptop_of_4_gib_trains_adapters_of_a_small_model_and_nothing_of_a_large_one() -> None:
    small = machine(4)
    lora, full = (fit(NARROW, recipe("chat", method), small, LARGE) for method in ("lora", "full"))
    assert lora.outcome == "fits with checkpointing" and "computed twice" in lora.reason
    assert full.outcome == "does not fit" and full.nearest == "`--method lora`"
    large = fit(BROAD, recipe("chat"), small, LARGE, (NARROW, BROAD))
    assert large.outcome == "does not fit" and large.nearest == "`--base narrow`"
    assert "GiB are there" in large.reason and large.peak_memory_bytes > 4 * GIB


def test_24_gib_train_all_of_a_small_model() -> None:
    found = fit(NARROW, recipe("chat", "full"), machine(24), LARGE)
    assert (found.outcome, found.nearest) == ("fits", "") and found.peak_memory_bytes < 24 * GIB
    assert found.disk_bytes == 4 * NARROW.num_parameters + sum(  # type: ignore[operator]
        training_disk_parts(recipe("chat", "full"), shape_of(LANGUAGE_BASE)).values()
    )


def test_the_memory_of_a_gpu_of_80_gib_does_not_count_as_long_as_training_runs_on_the_processor() -> None:
    found = fit(BROAD, recipe("chat"), machine(16, gpu_gib=80), SMALL)
    assert found.outcome == "does not fit" and "training runs on the processor" in found.reason
    assert fit(BROAD, recipe("chat"), machine(96, gpu_gib=80), SMALL).outcome.startswith("fits")


def test_too_little_disk_is_told_with_what_takes_it() -> None:
    found = fit(NARROW, recipe("chat", "full"), machine(24, disk_gib=2), SMALL)
    assert found.outcome == "does not fit" and "checkpoints 4." in found.reason and "2.0 GiB are free" in found.reason
    assert found.nearest == "`--method lora`"
    assert fit(NARROW, recipe("chat", "lora"), machine(24, disk_gib=2), SMALL).outcome == "fits"


def test_a_wheel_and_a_packed_file_take_room_until_they_are_unpacked() -> None:
    bases = catalog()
    sizes = {}
    for name in ("minilm", "smollm2"):
        question = _question(bases[name], recipe("classify" if name == "minilm" else "chat"), machine(9), None)
        sizes[name] = question.fetched_bytes / (4 * bases[name].num_parameters)  # type: ignore[union-attr, operator]
    assert sizes == {"minilm": 2.0, "smollm2": 2.0}


# ---------------------------------------------------------------- the way out was tried


@pytest.mark.parametrize("memory_gib", [1.2, 1.6, 2.5, 4, 6, 9, 12, 20, 40, 70])
@pytest.mark.parametrize(
    ("entry", "task", "method"),
    [(ENCODER, "classify", "full"), (ENCODER, "classify", "lora"), (BROAD, "chat", "full"), (NARROW, "chat", "full")],
)
def test_whatever_is_named_as_the_way_out_really_fits(entry: Entry, task: str, method: str, memory_gib: float) -> None:
    there, others = machine(memory_gib), (NARROW, BROAD, ENCODER)
    found = fit(entry, recipe(task, method), there, LARGE if task == "chat" else None, others)
    if found.outcome != "does not fit":
        assert found.nearest == ""
        return
    if not found.nearest:
        return
    words = found.nearest.replace("`", "").replace(" with", "").split()
    asked, chosen = recipe(task, method), entry
    while words:
        word = words.pop(0)
        if word == "--base":
            chosen = {one.name: one for one in others}[words.pop(0)]
        elif word == "--method":
            asked = dataclasses.replace(asked, method=words.pop(0))
        else:
            name, _, value = word.removeprefix("training.").partition("=")
            asked = dataclasses.replace(asked, training=dataclasses.replace(asked.training, **{name: int(value)}))
    again = fit(chosen, asked, there, LARGE if task == "chat" else None)
    assert again.outcome in ("fits", "fits with checkpointing"), found.nearest


def test_an_encoder_first_takes_smaller_micro_batches_then_a_head() -> None:
    ways = [fit(ENCODER, recipe("classify"), machine(gib)).nearest for gib in (7, 1.5)]
    assert ways == ["`training.micro_tokens=2048`", "`--method head`"]


def test_what_was_asked_for_by_hand_is_put_back_first() -> None:
    asked = recipe("chat", micro_tokens=16384, checkpointing="off")
    found = fit(NARROW, asked, machine(8), LARGE)
    assert (found.outcome, found.nearest) == (
        "does not fit",
        "`training.micro_tokens` and `training.checkpointing` on auto",
    )


def test_where_nothing_fits_nothing_is_promised() -> None:
    found = fit(NARROW, recipe("chat"), machine(0.5), LARGE, (NARROW,))
    assert (found.outcome, found.nearest) == ("does not fit", "")


# ---------------------------------------------------------------- what cannot be told


def test_a_base_of_unknown_shape_is_unknown_not_fitting(private_home: Path) -> None:
    found = fit(dataclasses.replace(NARROW, num_layers=None), recipe("chat"), machine(24), SMALL)
    assert (found.outcome, found.peak_memory_bytes, found.parts) == ("unknown", 0, {})
    assert "does not tell" in found.reason


def test_a_folder_tells_its_shape_by_its_files(tiny_language_model: Path, tmp_path: Path) -> None:
    here = Entry(reference=f"file:{tiny_language_model}")
    found = fit(here, recipe("chat"), machine(24), SMALL)
    assert found.outcome == "fits" and found.parts["weights"] > 0 and found.base == here.reference
    assert found.disk_bytes < 100 * 2**20


def test_a_base_or_method_of_another_task_does_not_fit() -> None:
    assert "needs an encoder" in fit(NARROW, recipe("tag"), machine(24)).reason
    assert "contrastive needs an encoder" in fit(NARROW, recipe("classify", "contrastive"), machine(24)).reason
    assert "does not learn" in fit(NARROW, recipe("chat", "head"), machine(24)).reason


def test_each_base_is_answered_with_each_method_of_the_task() -> None:
    found = fit_each(ENCODER, recipe("classify"), machine(24))
    assert [one.method for one in found] == [name for name, one in METHODS.items() if one.learns(TASKS["classify"])]
    assert len(fit_each(NARROW, recipe("chat", "lora"), machine(24))) == 1


def test_what_fits_this_very_machine_is_asked_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    room = machine(3)
    monkeypatch.setattr(fitting, "look_at_machine", lambda *_: room)
    found = fits_here(("minilm", "qwen2.5-14b"))
    assert (found["minilm"][0].method, found["minilm"][0].outcome) == ("full", "fits")
    full, lora = found["qwen2.5-14b"]
    assert (full.outcome, lora.outcome) == ("does not fit", "does not fit") and full.nearest and lora.reason
    room = machine(2000)
    assert {one.outcome for one in fits_here(("qwen2.5-14b",))["qwen2.5-14b"]} == {"fits"}


def test_a_lower_rank_needs_less() -> None:
    low, high = (
        fit(NARROW, dataclasses.replace(recipe("chat", "lora"), lora=LoraSettings(rank=rank)), machine(24), SMALL)
        for rank in (4, 64)
    )
    assert low.parts["optimizer"] < high.parts["optimizer"] and low.peak_memory_bytes < high.peak_memory_bytes


def test_every_entry_of_the_catalog_is_answered() -> None:
    for entry in catalog().values():
        task = "classify" if entry.kind == "encoder" else "chat"
        found = fit(entry, recipe(task), machine(24), SMALL if task == "chat" else None)
        assert found.reason and (found.outcome == "unknown") is (not found.parts)
        assert found.peak_memory_bytes == sum(found.parts.values())

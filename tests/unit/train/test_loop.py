"""The loop: events in order, exact savings, a resume that is bit-identical, and a stop before a broken update."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import shutil
from pathlib import Path

import pytest
import torch

from sintonia.errors import RunFailed
from sintonia.records import Evaluation
from sintonia.train import train
from sintonia.train.checkpoint import load_checkpoint, save_checkpoint
from sintonia.train.learners.pooled import EncoderLearner
from tests.tiny import TOPICS
from tests.unit.train.jobs import make_job


def weights_hash(job) -> str:
    """One hash over all files of weights of the saved model."""
    files = sorted(job.run.file(job.file("model")).rglob("*.safetensors"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def losses(events) -> list[str]:
    return [event.values["loss"].hex() for event in events if event.kind == "step"]


def test_events_come_in_order_and_the_model_is_saved(tmp_path: Path, tiny_base: Path):
    job = make_job(tmp_path / "run", tiny_base)
    events = list(train(job))
    kinds = [event.kind for event in events]
    assert kinds[:2] == ["started", "validated"]
    assert kinds[-1] == "finished"
    assert kinds.count("step") == 24
    assert kinds.count("validated") == 5
    assert events[-1].values["best_step"] in {6, 12, 18, 24}
    assert (job.run.file(job.file("model")) / "modules.json").is_file()


def test_training_learns_and_changes_the_encoder(tmp_path: Path, tiny_base: Path):
    job = make_job(tmp_path / "run", tiny_base, head_start="random", epochs=6.0)
    list(train(job))
    evaluations = job.run.lines(job.file("evaluations.jsonl"), Evaluation)
    assert evaluations[-1].metric > evaluations[0].metric + 0.3
    assert evaluations[1].relative_update > 1e-5


@pytest.mark.parametrize("method", ["full", "head"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_resume_is_bit_identical(tmp_path: Path, tiny_base: Path, method: str, dropout: float):
    settings = {"dropout": dropout, "micro_tokens": 40, "checkpoint_steps": 5}
    whole = make_job(tmp_path / "whole", tiny_base, method, **settings)
    expected = losses(train(whole))
    broken = make_job(tmp_path / "broken", tiny_base, method, **settings)
    seen = []
    for event in train(broken):  # killed in the middle of an epoch, two steps after a checkpoint
        if event.kind == "step":
            seen.append(event.values["loss"].hex())
        if event.step == 17:
            break
    torch.manual_seed(999)
    assert seen == expected[:17]
    assert losses(train(broken)) == expected[15:]
    assert weights_hash(broken) == weights_hash(whole)
    assert broken.run.lines(broken.file("evaluations.jsonl"), Evaluation) == whole.run.lines(
        whole.file("evaluations.jsonl"), Evaluation
    )


@pytest.mark.parametrize("harm", ["one weight", "random state", "moments", "step"])
def test_a_resume_from_a_tampered_state_is_noticed(tmp_path: Path, tiny_base: Path, harm: str):
    """Negative control: each part of the state matters, so the test above can fail."""
    settings = {"dropout": 0.2, "checkpoint_steps": 5}
    whole = make_job(tmp_path / "whole", tiny_base, **settings)
    list(train(whole))
    broken = make_job(tmp_path / "broken", tiny_base, **settings)
    for event in train(broken):
        if event.step == 16:
            break
    folder = broken.run.file(broken.file("checkpoints"))
    saved, _ = load_checkpoint(folder)
    assert saved is not None
    if harm == "one weight":
        first = saved.tensors["weights"]["head.weight"]
        first[0, 0] = torch.nextafter(first[0, 0], torch.tensor(9.0))
    elif harm == "random state":
        saved.tensors["random"]["torch"] = torch.manual_seed(5).get_state()
    elif harm == "moments":
        saved.tensors["optimizer"] = {}
    else:
        saved.state["step"] -= 1
    shutil.rmtree(folder)
    save_checkpoint(folder, 15, saved)
    list(train(broken))
    assert weights_hash(broken) != weights_hash(whole)


def test_micro_batches_change_no_loss(tmp_path: Path, tiny_base: Path):
    large = losses_as_numbers(make_job(tmp_path / "a", tiny_base, dropout=0.0))
    small = losses_as_numbers(make_job(tmp_path / "b", tiny_base, dropout=0.0, micro_tokens=24))
    assert small == pytest.approx(large, abs=1e-5)


def losses_as_numbers(job) -> list[float]:
    return [event.values["loss"] for event in train(job) if event.kind == "step"]


def whole_table(token_lists: list[list[int]]) -> list[list[int]]:
    """Every token of the tiny base counts as used."""
    return [list(range(35)), list(range(35, 69))]


def test_compact_vocabulary_equals_training_the_whole_table(tmp_path: Path, tiny_base: Path, monkeypatch):
    compact = make_job(tmp_path / "compact", tiny_base, dropout=0.0, weight_decay=0.1)
    with_saving = losses_as_numbers(compact)
    monkeypatch.setattr(EncoderLearner, "_used_tokens", staticmethod(whole_table))
    whole = make_job(tmp_path / "whole", tiny_base, dropout=0.0, weight_decay=0.1)
    without_saving = losses_as_numbers(whole)
    assert with_saving == pytest.approx(without_saving, abs=1e-6)
    tables = [table_of(job) for job in (compact, whole)]
    assert torch.allclose(*tables, atol=1e-6)
    assert not torch.equal(tables[0], table_of_base(tiny_base))


def table_of(job) -> torch.Tensor:
    from safetensors.torch import load_file

    return load_file(job.run.file(job.file("model/model.safetensors")))["embeddings.word_embeddings.weight"]


def table_of_base(folder: Path) -> torch.Tensor:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]


def test_pause_saves_a_checkpoint_and_resume_ends_as_if_nothing_had_happened(tmp_path: Path, tiny_base: Path):
    whole = make_job(tmp_path / "whole", tiny_base)
    list(train(whole))
    job = make_job(tmp_path / "run", tiny_base)
    stop = job.run.file(job.file("stop"))
    kinds = []
    for event in train(job):
        kinds.append(event.kind)
        if event.step == 7 and not stop.exists():
            stop.write_text("pause\n")
    assert kinds[-2:] == ["checkpoint", "paused"]
    stop.unlink()
    assert [event.kind for event in train(job)].index("resumed") == 0
    assert weights_hash(job) == weights_hash(whole)


def test_a_loss_that_is_not_a_number_stops_before_the_update(tmp_path: Path, tiny_base: Path, monkeypatch):
    job = make_job(tmp_path / "run", tiny_base)
    original = EncoderLearner.accumulate
    calls = []

    def broken(self, positions):
        calls.append(positions)
        return float("nan") if len(calls) == 6 else original(self, positions)

    monkeypatch.setattr(EncoderLearner, "accumulate", broken)
    seen = []
    with pytest.raises(RunFailed, match="step 6 is not a finite number; the update was not made") as caught:
        for event in train(job):
            seen.append(event)
    first = job.train[calls[5][0]].place
    assert f"rows:{first.line}" in str(caught.value)
    assert sum(event.kind == "step" for event in seen) == 5


def test_early_stopping_ends_a_run_whose_validation_loss_rises(tmp_path: Path, tiny_base: Path):
    settings = {"epochs": 40.0, "learning_rate": 3e-3, "evaluations": 20, "dropout": 0.0, "patience": 2}
    job = make_job(tmp_path / "run", tiny_base, head_start="random", **settings)
    generator, names = random.Random(0), sorted(TOPICS)
    memorised = tuple(dataclasses.replace(one, target=generator.choice(names)) for one in job.train)
    job = dataclasses.replace(job, train=memorised)
    last = list(train(job))[-1]
    assert last.kind == "finished"
    assert last.values["last_step"] < last.values["planned_steps"] == 480
    assert "early stopping" in last.values["stop_reason"]
    never = make_job(tmp_path / "never", tiny_base, epochs=3.0, early_stopping=False)
    assert list(train(never))[-1].values["last_step"] == 36


def test_the_saving_is_exact_also_when_the_best_step_is_not_the_last(tmp_path: Path, tiny_base: Path, monkeypatch):
    settings = {"dropout": 0.0, "weight_decay": 1.0, "epochs": 12.0, "learning_rate": 5e-3}
    settings |= {"early_stopping": False, "schedule": "constant", "clip_norm": 0.0}
    jobs = []
    for name in ("compact", "whole"):
        if name == "whole":
            monkeypatch.setattr(EncoderLearner, "_used_tokens", staticmethod(whole_table))
        jobs.append(make_job(tmp_path / name, tiny_base, **settings))
        last = list(train(jobs[-1]))[-1]
        assert last.values["best_step"] < last.values["last_step"]
    assert torch.allclose(*[table_of(job) for job in jobs], atol=1e-5)


def test_a_base_that_reads_more_from_an_id_than_its_vector_trains_its_whole_table(tmp_path: Path, tiny_base: Path):
    import shutil as files

    from transformers import RobertaConfig, RobertaModel

    folder = tmp_path / "roberta"
    files.copytree(tiny_base, folder)
    settings = RobertaConfig(
        vocab_size=69,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=1,
    )
    RobertaModel(settings).save_pretrained(folder)
    job = make_job(tmp_path / "run", folder)
    assert list(train(job))[-1].kind == "finished"
    assert table_of(job).shape == (69, 32)
    from sintonia.evaluate import score_candidate
    from sintonia.train.selection import best_evaluation

    card = score_candidate(job.run.file(job.file("model")), job.validation, "validation")
    live = best_evaluation(job.run.lines(job.file("evaluations.jsonl"), Evaluation), "accuracy")
    assert card.losses == pytest.approx(live.validation_losses, abs=1e-4)


def test_the_model_is_readable_as_the_umask_says(tmp_path: Path, tiny_base: Path):
    job = make_job(tmp_path / "run", tiny_base, epochs=1.0)
    before = os.umask(0o027)
    try:
        list(train(job))
    finally:
        os.umask(before)
    folder = job.run.file(job.file("model"))
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o640}
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_dir()} == {0o750}


def test_a_full_disk_while_the_model_is_saved_is_one_clear_error(tmp_path: Path, tiny_base: Path, monkeypatch):
    from safetensors import SafetensorError

    from sintonia.errors import StorageError

    def fails(self, folder: Path) -> None:
        raise SafetensorError("No space left on device")

    monkeypatch.setattr(EncoderLearner, "save", fails)
    job = make_job(tmp_path / "run", tiny_base, epochs=1.0)
    with pytest.raises(StorageError, match="cannot write the model"):
        list(train(job))
    assert not job.run.file(job.file("model")).exists()

"""R3 and R4: damage is always noticed, and a disk that fails is never silent; the checkpoint before stays whole."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import stat
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sintonia.errors import StorageError
from sintonia.train import checkpoint
from sintonia.train.checkpoint import Saved, load_checkpoint, refuse_full_disk, save_checkpoint

FILES = ["weights.safetensors", "optimizer.safetensors", "random.safetensors", "state.json", "MANIFEST.json"]
Usage = namedtuple("Usage", "total used free")


def saved(value: float) -> Saved:
    """Small groups of every number format that a checkpoint may hold."""
    weights = {"w": torch.full((3, 5), value), "half": torch.full((7,), value, dtype=torch.bfloat16)}
    moments = {"w|exp_avg": torch.full((3, 5), value / 2), "w|step": torch.tensor(value)}
    return Saved(
        {"weights": weights, "optimizer": moments, "random": {"torch": torch.get_rng_state()}},
        {"step": int(value), "norms": [0.1, value]},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two whole checkpoints, of steps 1 and 2."""
    for step in (1, 2):
        save_checkpoint(tmp_path / "checkpoints", step, saved(float(step)))
    return tmp_path / "checkpoints"


def falls_back(folder: Path, name: str) -> None:
    found, problems = load_checkpoint(folder)
    assert found is not None and found.state["step"] == 1, name
    assert torch.equal(found.tensors["weights"]["w"], torch.ones(3, 5))
    assert len(problems) == 1 and "\n" not in problems[0]
    assert problems[0].startswith("checkpoint step-000002 is damaged (`") and f"`{name}`" in problems[0]
    assert problems[0].endswith("the one before it is used")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", ["delete", "empty", "one byte", "half", "all but one", "one more"])
def test_a_file_that_is_gone_or_cut_is_noticed(folder: Path, name: str, harm: str) -> None:
    path = folder / "step-000002" / name
    content = path.read_bytes()
    cuts = {"empty": 0, "one byte": 1, "half": len(content) // 2, "all but one": len(content) - 1}
    if harm == "delete":
        path.unlink()
    else:
        path.write_bytes(content[: cuts[harm]] if harm in cuts else content + b" ")
    falls_back(folder, name)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_anywhere_is_noticed(folder: Path, name: str) -> None:
    path, generator = folder / "step-000002" / name, random.Random(name)
    content = path.read_bytes()
    places = generator.sample(range(8 * len(content)), min(200, 8 * len(content)))
    for place in places:
        harmed = bytearray(content)
        harmed[place // 8] ^= 1 << place % 8
        path.write_bytes(harmed)
        falls_back(folder, name)
    path.write_bytes(content)
    assert load_checkpoint(folder)[1] == []


def test_when_all_are_damaged_training_starts_over_and_says_so(folder: Path) -> None:
    for path in folder.iterdir():
        (path / "weights.safetensors").unlink()
    found, problems = load_checkpoint(folder)
    assert found is None
    assert [line.split(";")[-1] for line in problems] == [
        " the one before it is used",
        " none is left: training starts over",
    ]


def test_a_stray_file_or_folder_is_not_taken_for_a_part(folder: Path) -> None:
    (folder / "step-000002" / "extra.safetensors").write_bytes(b"nothing")
    (folder / "step-old").mkdir()
    found, problems = load_checkpoint(folder)
    assert found is not None and problems == [] and sorted(found.tensors) == ["optimizer", "random", "weights"]


def test_a_checkpoint_of_a_newer_sintonia_is_refused_not_passed_over(folder: Path) -> None:
    path = folder / "step-000002" / "MANIFEST.json"
    body = json.loads(path.read_text())
    del body["sha256"]
    path.write_bytes(checkpoint._manifest({**body, "schema": 2}))
    with pytest.raises(StorageError, match="has schema 2, this sintonia reads schema 1") as caught:
        load_checkpoint(folder)
    assert caught.value.hint == "upgrade sintonia"


def test_steps_are_numbers_not_words(tmp_path: Path) -> None:
    for step in (999_999, 1_000_000):
        save_checkpoint(tmp_path, step, saved(1.0))
    save_checkpoint(tmp_path, 1_000_001, saved(2.0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-1000000", "step-1000001"]


def test_what_was_passed_over_as_damaged_does_not_count_as_kept(folder: Path) -> None:
    save_checkpoint(folder, 9, saved(9.0))
    (folder / "step-000009" / "state.json").unlink()
    found, _ = load_checkpoint(folder)
    assert found is not None and found.state["step"] == 2
    save_checkpoint(folder, 3, saved(3.0))
    assert sorted(path.name for path in folder.iterdir()) == ["step-000002", "step-000003"]


def test_the_files_are_what_the_library_of_the_format_reads(tmp_path: Path) -> None:
    whole = saved(0.3)
    whole.tensors["weights"] |= {"empty": torch.zeros(0, 4), "cut": torch.arange(12.0).reshape(3, 4).T}
    target = save_checkpoint(tmp_path, 1, whole)
    for name, group in whole.tensors.items():
        read = load_file(target / f"{name}.safetensors")
        assert read.keys() == group.keys()
        assert all(torch.equal(read[key], value) and read[key].dtype == value.dtype for key, value in group.items())


def test_a_step_saved_again_over_what_was_loaded_from_it_is_the_same(folder: Path) -> None:
    found, _ = load_checkpoint(folder)
    assert found is not None
    save_checkpoint(folder, 2, found)
    again, problems = load_checkpoint(folder)
    assert again is not None and problems == [] and again.state == found.state
    for name, group in found.tensors.items():
        assert all(torch.equal(again.tensors[name][key], value) for key, value in group.items())


def test_only_the_owner_reads_checkpoints(folder: Path) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE((folder / "step-000002").stat().st_mode) == 0o700


class Fault:
    """Counts the calls of the writer to the system, and fails at one of them (or at several)."""

    NAMES = ("open", "write", "fsync", "mkdir", "rename")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, failing: set[int]) -> None:
        self.number, self.failing, self.calls = number, failing, 0
        for name in ("open", "fsync", "mkdir", "rename"):
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))
        original = os.fdopen
        monkeypatch.setattr(os, "fdopen", lambda *args, **named: _Stream(original(*args, **named), self.count))

    def count(self, path: object = None) -> None:
        self.calls += 1
        if self.calls in self.failing:
            raise OSError(self.number, os.strerror(self.number), str(path))

    def _counted(self, original: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **named: object) -> object:
            is_harmless = "dir_fd" in named or (str(args[0]).endswith("checkpoints") and original.__name__ == "mkdir")
            if not is_harmless:  # sweeping up, and making a folder that is there
                self.count(args[0])
            return original(*args, **named)

        return call


class _Stream:
    """A stream whose writes are counted; half of the bytes of a failing one reach the file."""

    def __init__(self, stream, count: Callable[[], None]) -> None:
        self.stream, self.count = stream, count

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def __getattr__(self, name: str):
        return getattr(self.stream, name)

    def write(self, content: bytes) -> int:
        try:
            self.count()
        except OSError:
            self.stream.write(bytes(content)[: len(content) // 2])
            self.stream.flush()
            raise
        return self.stream.write(content)


def count_calls(tmp_path: Path) -> int:
    with pytest.MonkeyPatch.context() as patch:
        fault = Fault(patch, errno.EIO, set())
        save_checkpoint(tmp_path / "counted", 3, saved(3.0))
        return fault.calls


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO])
def test_an_error_at_any_call_of_the_writer_is_told_and_leaves_the_one_before(
    folder: Path, tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "_WAITS_SECONDS", ())
    num_calls = count_calls(tmp_path)
    assert num_calls > 25
    shutil.copytree(folder, tmp_path / "before")
    for call in range(1, num_calls + 1):
        if sorted(path.name for path in folder.iterdir()) != ["step-000001", "step-000002"]:
            shutil.rmtree(folder)
            shutil.copytree(tmp_path / "before", folder)
        with pytest.MonkeyPatch.context() as patch:
            fault = Fault(patch, number, {call})
            with pytest.raises(StorageError) as caught:
                save_checkpoint(folder, 3, saved(3.0))
        assert fault.calls >= call
        assert caught.value.exit_code == 74
        told = str(caught.value)
        assert str(folder) in told and os.strerror(number) in told and "\n" not in told
        assert f"({checkpoint._size(saved(3.0))} bytes needed, " in told and " free)" in told
        found, problems = load_checkpoint(folder)
        assert found is not None and found.state["step"] >= 2 and problems == []
        assert not list(folder.glob(".tmp-*"))


@pytest.mark.parametrize("num_failures", [1, 3])
def test_an_error_that_passes_is_tried_again_three_times(
    folder: Path, monkeypatch: pytest.MonkeyPatch, num_failures: int
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(checkpoint.time, "sleep", waited.append)
    with pytest.MonkeyPatch.context() as patch:
        Fault(patch, errno.EIO, set(range(1, num_failures + 1)))
        save_checkpoint(folder, 3, saved(3.0))
    assert len(waited) == num_failures
    found, problems = load_checkpoint(folder)
    assert found is not None and found.state["step"] == 3 and problems == []


def test_a_full_disk_is_not_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint.time, "sleep", lambda _: pytest.fail("it waited"))
    with pytest.MonkeyPatch.context() as patch:
        Fault(patch, errno.ENOSPC, {5})
        with pytest.raises(StorageError, match="No space left"):
            save_checkpoint(folder, 3, saved(3.0))


def test_a_disk_that_gives_back_other_bytes_is_told_and_the_old_ones_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "_WAITS_SECONDS", (0.0,))
    monkeypatch.setattr(checkpoint, "sha256_file", lambda path: "0" * 64)
    with pytest.raises(StorageError, match="reads back otherwise"):
        save_checkpoint(folder, 3, saved(3.0))
    monkeypatch.undo()
    assert sorted(path.name for path in folder.iterdir()) == ["step-000001", "step-000002"]


def test_a_folder_that_may_not_be_read_is_an_error_not_a_new_beginning(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(StorageError, match=r"cannot read .*MANIFEST.json`: Permission denied"):
        load_checkpoint(folder)


def free(monkeypatch: pytest.MonkeyPatch, num_bytes: int) -> None:
    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - num_bytes, num_bytes))


@pytest.mark.parametrize(("free_bytes", "is_enough"), [(2199, False), (2200, True)])
def test_a_disk_too_small_for_two_checkpoints_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_bytes: int, is_enough: bool
) -> None:
    free(monkeypatch, free_bytes)
    if is_enough:
        refuse_full_disk(tmp_path / "not there" / "checkpoints", 1000, 0)
        return
    with pytest.raises(StorageError, match=r"\(2200 bytes needed, 2199 free\)") as caught:
        refuse_full_disk(tmp_path / "not there" / "checkpoints", 1000, 0)
    assert caught.value.exit_code == 74


def test_checkpoints_that_are_there_count_as_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free(monkeypatch, 10)
    refuse_full_disk(folder, held // 3, 0)
    with pytest.raises(StorageError):
        refuse_full_disk(folder, held, 0)


def test_on_a_tight_disk_the_oldest_goes_before_the_third_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    original = checkpoint._write

    def watched(path: Path, pieces):
        seen.append(sorted(one.name for one in folder.glob("step-*")))
        return original(path, pieces)

    monkeypatch.setattr(checkpoint, "_write", watched)
    save_checkpoint(folder, 3, saved(3.0))
    assert seen[0] == ["step-000001", "step-000002"]
    free(monkeypatch, 10)
    seen.clear()
    save_checkpoint(folder, 4, saved(4.0))
    assert seen[0] == ["step-000003"]
    assert sorted(path.name for path in folder.iterdir()) == ["step-000003", "step-000004"]

"""What a machine has is read from what the kernel shows; what surrounds a training is judged, with its cure."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path

import pytest

from sintonia.records import Machine, Processor
from sintonia.resources.machine import hardware, look_at_machine
from sintonia.resources.machine.packages import import_readings, package_readings
from sintonia.resources.machine.speed import matrix_speed
from sintonia.resources.machine.surroundings import (
    energy_reading,
    gpu_reading,
    has_nvidia_device,
    home_reading,
    load_reading,
    processor_reading,
    thread_reading,
)
from sintonia.resources.memory import held_bytes
from tests.unit.resources.kernel import GIB, add_group, add_old_group, make_kernel, write

INTEL = "processor : 0\nmodel name : Quick 9000\nflags : fpu avx2 avx512f avx512_bf16 amx_bf16 vmx\n\nprocessor : 1\n"
ARM = "processor : 0\nFeatures : fp asimd bf16\nHardware : Small Board\n"
LAPTOP = Machine(
    processor="Quick 9000",
    num_cores=4,
    vector_units=("avx2",),
    memory_bytes=16 * GIB,
    free_memory_bytes=8 * GIB,
    free_disk_bytes=100 * GIB,
)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of eight cores, as the process is bound to them."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    root = make_kernel(tmp_path / "root")
    write(root / "proc/meminfo", f"MemTotal: {16 * GIB // 1024} kB\nMemAvailable: {8 * GIB // 1024} kB\n")
    write(root / "proc/cpuinfo", INTEL)
    return root


def test_what_the_kernel_shows_is_what_there_is(kernel: Path, tmp_path: Path) -> None:
    found = look_at_machine(tmp_path / "not" / "there", root=kernel)
    assert (found.processor, found.num_cores, found.gpus) == ("Quick 9000", 8, ())
    assert found.vector_units == ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    assert found.memory_bytes == 16 * GIB
    assert found.free_memory_bytes == pytest.approx(8 * GIB + held_bytes(), rel=0.01)
    assert found.free_disk_bytes > 0 and not (tmp_path / "not").exists()


def test_an_arm_processor_has_neon_and_the_name_of_its_board(kernel: Path) -> None:
    write(kernel / "proc/cpuinfo", ARM)
    found = look_at_machine(kernel, root=kernel)
    assert (found.processor, found.vector_units) == ("Small Board", ("neon",))


@pytest.mark.parametrize(("quota", "cores"), [("250000 100000", 3), ("50000 100000", 1), ("max 100000", 8), ("?", 8)])
def test_a_control_group_gives_the_time_of_fewer_cores(kernel: Path, quota: str, cores: int) -> None:
    folder = add_group(kernel, "/job", limit=4 * GIB, used=GIB)
    write(folder / "cpu.max", f"{quota}\n")
    found = look_at_machine(kernel, root=kernel)
    assert (found.num_cores, found.memory_bytes) == (cores, 4 * GIB)


def test_a_control_group_of_version_1_is_found_under_its_own_controller(kernel: Path) -> None:
    add_old_group(kernel, "/docker/0123", limit=3 * GIB, used=GIB)
    folder = kernel / "sys/fs/cgroup/cpu"
    write(folder / "cpu.cfs_quota_us", "200000\n")
    write(folder / "cpu.cfs_period_us", "100000\n")
    found = look_at_machine(kernel, root=kernel)
    assert (found.num_cores, found.memory_bytes) == (2, 3 * GIB)
    write(folder / "cpu.cfs_quota_us", "-1\n")
    assert look_at_machine(kernel, root=kernel).num_cores == 8


def test_a_mac_is_asked_by_sysctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        ("sysctl", "-n", "machdep.cpu.brand_string"): "Apple M9",
        ("sysctl", "-n", "machdep.cpu.features"): "FPU SSE4.2",
        ("sysctl", "-n", "machdep.cpu.leaf7_features"): "SMEP AVX2",
    }
    asked: list[tuple[str, ...]] = []

    class Done:
        def __init__(self, text: str) -> None:
            self.stdout = text

    monkeypatch.setattr(hardware.sys, "platform", "darwin")
    monkeypatch.setattr(hardware.platform, "machine", lambda: "x86_64")

    def run(command: list[str], **_: object) -> Done:
        asked.append(tuple(command))
        return Done(answers[tuple(command)] + "\n")

    monkeypatch.setattr(hardware.subprocess, "run", run)
    root = make_kernel(tmp_path)
    found = look_at_machine(tmp_path, root=root)
    assert (found.processor, found.vector_units) == ("Apple M9", ("avx2",))
    assert set(answers) <= set(asked)
    monkeypatch.setattr(hardware.platform, "machine", lambda: "arm64")
    assert look_at_machine(tmp_path, root=root).vector_units == ("neon",)


def test_gpus_are_those_that_torch_can_use(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    assert look_at_machine(kernel, with_gpus=True, root=kernel).gpus == () or torch.cuda.is_available()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (70 * GIB, 80 * GIB))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Big")
    gpus = look_at_machine(kernel, with_gpus=True, root=kernel).gpus
    assert gpus == (Processor(name="Big", memory_bytes=80 * GIB, free_bytes=70 * GIB),)
    assert look_at_machine(kernel, root=kernel).gpus == ()


def test_this_very_machine_is_told_whole() -> None:
    found = look_at_machine(Path.cwd())
    assert found.processor and 1 <= found.num_cores <= (os.cpu_count() or 1)
    assert 0 < found.free_memory_bytes <= 2 * found.memory_bytes and found.free_disk_bytes > 0


@pytest.mark.parametrize(
    ("environment", "num_threads", "state", "cure"),
    [
        ({}, 4, "good", ""),
        ({"OMP_NUM_THREADS": "4"}, 4, "good", ""),
        ({"OMP_NUM_THREADS": ""}, 4, "good", ""),
        ({}, 2, "good", ""),
        ({}, 64, "problem", "export OMP_NUM_THREADS=4"),
        ({"OMP_NUM_THREADS": "64"}, 4, "problem", "unset OMP_NUM_THREADS"),
        ({"MKL_NUM_THREADS": "64"}, 4, "problem", "unset MKL_NUM_THREADS"),
        ({"OMP_NUM_THREADS": "many"}, 4, "problem", "unset OMP_NUM_THREADS"),
        ({"OMP_NUM_THREADS": "0"}, 4, "problem", "unset OMP_NUM_THREADS"),
        ({"OMP_NUM_THREADS": "1"}, 1, "note", "unset OMP_NUM_THREADS"),
    ],
)
def test_threads_fit_the_cores(environment: dict[str, str], num_threads: int, state: str, cure: str) -> None:
    found = thread_reading(4, num_threads, environment)
    assert (found.state, found.cure) == (state, cure)


def test_a_busy_processor_is_said() -> None:
    assert load_reading(4, 4.0) == ()
    assert load_reading(4, 9.0)[0].state == "note"


def test_a_processor_without_vector_units_is_slow() -> None:
    assert processor_reading(LAPTOP).state == "good"
    slow = processor_reading(Machine(**{**_values(LAPTOP), "vector_units": ()}))
    assert slow.state == "note" and slow.cure


def _values(machine: Machine) -> dict[str, object]:
    return {name: getattr(machine, name) for name in Machine.__dataclass_fields__}


def test_a_home_that_cannot_be_written_is_fatal(tmp_path: Path) -> None:
    assert home_reading(tmp_path / "new").state == "good"
    file = write(tmp_path / "file", "x")
    broken = home_reading(file / "below")
    assert broken.is_fatal and "SINTONIA_HOME" in broken.cure
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize(
    ("has_gpu", "cuda", "has_device", "state", "cure"),
    [
        (False, None, False, "good", ""),
        (False, "13.0", False, "note", "--index-url"),
        (False, None, True, "note", "--force-reinstall torch"),
        (False, "13.0", True, "note", "nvidia-smi"),
        (True, "13.0", True, "note", ""),
    ],
)
def test_the_build_of_torch_suits_the_gpu(has_gpu: bool, cuda: str | None, has_device: bool, state: str, cure: str):
    gpus = (Processor(name="Big", memory_bytes=80 * GIB, free_bytes=70 * GIB),) if has_gpu else ()
    machine = Machine(**{**_values(LAPTOP), "gpus": gpus})
    found = gpu_reading(machine, "2.13.0", cuda, has_device=has_device)
    assert found.state == state and cure in found.cure and bool(cure) == bool(found.cure)


def test_a_gpu_is_seen_without_torch(tmp_path: Path) -> None:
    assert not has_nvidia_device(tmp_path)
    write(tmp_path / "dev/nvidia0", "")
    assert has_nvidia_device(tmp_path)


def test_counters_of_energy_are_read_locked_or_absent(tmp_path: Path) -> None:
    assert energy_reading(LAPTOP, tmp_path).state == "note" and not energy_reading(LAPTOP, tmp_path).cure
    zone = tmp_path / "sys/class/powercap/intel-rapl:0"
    write(zone / "name", "package-0\n")
    write(zone / "max_energy_range_uj", "262143328850\n")
    locked = energy_reading(LAPTOP, tmp_path)
    assert locked.state == "note" and locked.cure.startswith("sudo chmod")
    write(zone / "energy_uj", "123\n")
    assert energy_reading(LAPTOP, tmp_path).state == "good"
    gpus = (Processor(name="Big", memory_bytes=80 * GIB, free_bytes=70 * GIB),)
    blind = energy_reading(Machine(**{**_values(LAPTOP), "gpus": gpus}), tmp_path, has_library=False)
    assert "nvidia-ml-py" in blind.cure


def _versions(**changed: str | None):
    def version_of(name: str) -> str:
        if name in changed:
            if changed[name] is None:
                raise metadata.PackageNotFoundError(name)
            return str(changed[name])
        return metadata.version(name)

    return version_of


def test_the_installed_packages_are_in_their_ranges() -> None:
    found = package_readings()
    assert [one for one in found if one.state == "problem"] == []
    assert found[0].state == "good" and f"torch {metadata.version('torch')}" in found[0].message
    assert any(one.topic == "extras" and "tensorboard" in one.message for one in found)


def test_a_wrong_version_and_a_missing_package_are_problems() -> None:
    wrong, missing, *extras = package_readings(version_of=_versions(torch="1.9.0", transformers=None))
    assert (wrong.state, wrong.is_fatal) == ("problem", False) and "torch is 1.9.0" in wrong.message
    assert "pip install 'torch<3,>=2.7'" in wrong.cure
    assert (missing.state, missing.is_fatal, missing.message) == ("problem", True, "transformers is missing")
    assert all(one.topic == "extras" for one in extras)
    small = package_readings(version_of=_versions(phonenumbers=None))[0]
    assert (small.state, small.is_fatal) == ("problem", False)


def test_an_extra_that_lacks_something_says_how_to_get_it() -> None:
    absent = {one.message: one for one in package_readings(version_of=_versions(tensorboard=None))}
    one = absent["`tensorboard` needs tensorboard, if you want it"]
    assert one.state == "note" and "pip install 'tensorboard" in one.cure
    whole = [one.message for one in package_readings(version_of=_versions(tensorboard="2.20.1"))]
    assert "`tensorboard` works" in whole


def test_a_package_that_nobody_knows_is_a_note() -> None:
    assert package_readings("no-such-distribution")[0].state == "note"


def test_a_package_that_cannot_be_imported_is_fatal_and_blamed_once() -> None:
    def broken(name: str) -> None:
        raise OSError("libtorch.so: no such file") if name == "torch" else ModuleNotFoundError("torch", name="torch")

    assert import_readings() == ()
    found = import_readings(broken)
    assert len(found) == 1 and found[0].is_fatal and "libtorch.so" in found[0].message


def test_matrices_are_multiplied_at_some_speed() -> None:
    assert 1e8 < matrix_speed("fp32", seconds=0.05) < 1e15

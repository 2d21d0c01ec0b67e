"""What surrounds a training and can spoil it: threads, the folder of bases, the build of torch, counters of energy.

Each is given what it judges, so that it can be tried on machines that are not here. Nothing is mended.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from sintonia.records import Machine
from sintonia.records.health import Reading
from sintonia.resources.energy.rapl import FOLDER, find_zones
from sintonia.resources.machine.packages import pip_command
from sintonia.resources.memory import ROOT

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_FEW = 0.5
"""Of the cores: fewer threads than this are worth a word. (Two threads of one core compute little more than one.)"""
_BUSY = 1.5
"""Programs for each core that want it: from here on a training is slowed down."""
_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def processor_reading(machine: Machine) -> Reading:
    """Its name, cores and vector units."""
    cores = _counted(machine.num_cores, "core")
    units = ", ".join(machine.vector_units)
    if units:
        return Reading(topic="processor", state="good", message=f"{machine.processor}, {cores}, {units}")
    return Reading(
        topic="processor",
        state="note",
        message=f"{machine.processor}, {cores}, without vector units that are known: training is several times slower",
        cure="take `--method head`, or a machine with AVX2 or NEON",
    )


def load_reading(num_cores: int, load: float) -> tuple[Reading, ...]:
    """Whether other programs want the cores too. `load` is how many wanted one in the last minute, on average."""
    if load <= _BUSY * num_cores:
        return ()
    message = f"other programs keep the processor busy ({load:.1f} wanted its {num_cores} in the last minute)"
    return (Reading(topic="processor", state="note", message=message, cure="top  # tells which: end them, or wait"),)


def thread_reading(num_cores: int, num_threads: int, environment: Mapping[str, str]) -> Reading:
    """Whether torch computes with as many threads as there are cores, and what the environment asks for."""
    asked = {name: environment[name] for name in _THREADS if environment.get(name)}
    firsts = {name: value.split(",")[0].strip() for name, value in asked.items()}
    unset = f"unset {' '.join(asked)}"
    for name, value in firsts.items():
        if not value.isdigit() or int(value) < 1:
            return Reading(topic="threads", state="problem", message=f"{name}={asked[name]} is no number", cure=unset)
    said = f" ({', '.join(f'{name}={value}' for name, value in asked.items())})" if asked else ""
    counted = f"torch computes with {_counted(num_threads, 'thread')} on {_counted(num_cores, 'core')}{said}"
    if num_threads > num_cores:
        cure = f"export OMP_NUM_THREADS={num_cores}"
        return Reading(topic="threads", state="problem", message=f"{counted}: they wait for each other", cure=cure)
    if any(int(value) > num_cores for value in firsts.values()):
        message = f"{counted}: more threads are asked for than can run, and not every library takes fewer"
        return Reading(topic="threads", state="problem", message=message, cure=unset)
    if asked and num_threads < _FEW * num_cores:
        return Reading(topic="threads", state="note", message=f"{counted}: most of them idle", cure=unset)
    return Reading(topic="threads", state="good", message=counted)


def home_reading(home: Path) -> Reading:
    """Whether the folder where bases are kept can be written to; it is made where it is not there."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as stream:
            stream.write(b"1")
    except OSError as error:
        return Reading(
            topic="home",
            state="problem",
            message=f"bases cannot be kept in `{home}`: {error.strerror or error}",
            cure="export SINTONIA_HOME=/a/folder/of/yours",
            is_fatal=True,
        )
    return Reading(topic="home", state="good", message=f"bases are kept in `{home}` (SINTONIA_HOME)")


def gpu_reading(machine: Machine, torch_version: str, cuda: str | None, *, has_device: bool) -> Reading:
    """The GPUs that torch can use, and whether its build suits the machine.

    Args:
        machine: Looked at with its GPUs.
        torch_version: As torch says it.
        cuda: The version of CUDA that torch was built for; None for the build for processors.
        has_device: Whether the system shows an NVIDIA GPU.
    """
    build = f"torch {torch_version} is built for {f'CUDA {cuda}' if cuda else 'processors alone'}"
    idle = "training runs on the processor all the same"
    if machine.gpus:
        names = ", ".join(f"{one.name} with {one.memory_bytes / 2**30:.0f} GiB" for one in machine.gpus)
        return Reading(topic="gpu", state="note", message=f"{names}; {build}; {idle}")
    if has_device and cuda:
        message = f"torch cannot use the NVIDIA GPU that is here ({build}); {idle}"
        return Reading(
            topic="gpu", state="note", message=message, cure="nvidia-smi  # tells what is wrong with its driver"
        )
    if has_device:
        message = f"there is an NVIDIA GPU, and {build}; {idle}"
        return Reading(topic="gpu", state="note", message=message, cure=pip_command(["--force-reinstall", "torch"]))
    if cuda:
        cure = pip_command(["--force-reinstall", "torch", "--index-url", _CPU_INDEX])
        message = f"none, but {build}: it takes some gigabytes of the disk for nothing"
        return Reading(topic="gpu", state="note", message=message, cure=cure)
    return Reading(topic="gpu", state="good", message=f"none, and {build}")


def has_nvidia_device(root: Path = ROOT) -> bool:
    """Whether the system shows an NVIDIA GPU, whatever torch says."""
    return (root / "proc/driver/nvidia/gpus").is_dir() or (root / "dev/nvidia0").exists()


def energy_reading(machine: Machine, root: Path = ROOT, *, has_library: bool = True) -> Reading:
    """Whether the counters of energy can be read. `has_library` is whether that of the GPUs (NVML) could be loaded."""
    zones = find_zones(root)
    if machine.gpus and not has_library:
        message = "the counters of the GPUs cannot be read without the package `nvidia-ml-py`"
        return Reading(topic="energy", state="note", message=message, cure=pip_command(["nvidia-ml-py"]))
    if zones.zones:
        return Reading(topic="energy", state="good", message=f"measured by {zones.counted}")
    is_locked = (root / FOLDER).is_dir() and any((root / FOLDER).glob("intel-rapl:*"))
    return Reading(
        topic="energy",
        state="note",
        message=f"{zones.why_none}; energy is estimated from the time that cores work, with a wide range",
        cure=f"sudo chmod a+r /{FOLDER}/intel-rapl:*/energy_uj" if is_locked else "",
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

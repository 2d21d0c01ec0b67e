"""This machine as training will find it: read, judged, and timed for seconds. It mends nothing and fetches nothing.

What is judged lives in `resources/machine/`; here it is gathered, so that what is broken hides nothing else.
"""

from __future__ import annotations

import os
import shlex

from sintonia.corridor.walk import Listener, Progress
from sintonia.errors import SintoniaError
from sintonia.files import home_folder
from sintonia.records import Machine
from sintonia.records.health import Health, Reading
from sintonia.resources.machine import look_at_machine
from sintonia.resources.machine.packages import import_readings, package_readings
from sintonia.resources.machine.surroundings import (
    energy_reading,
    gpu_reading,
    has_nvidia_device,
    home_reading,
    load_reading,
    processor_reading,
    thread_reading,
)
from sintonia.settings import DataSettings, Recipe

_TASKS = ("classify", "chat")


def look_over(is_quick: bool, listener: Listener) -> Health:
    """Everything that was found; without `is_quick` also how fast it is, which takes some ten seconds a base.

    Every problem has a cure. The folder where bases are kept is made where it is not there.
    """
    home = home_folder()
    packages = package_readings()
    missing = [one for one in packages if one.is_fatal]
    packages = (*packages, *([] if missing else import_readings()))
    has_torch = not any(one.is_fatal for one in packages)
    machine = look_at_machine(home, with_gpus=has_torch)
    broken = _broken_catalog()
    whole, bases = ((), broken) if broken else _bases()
    readings = [processor_reading(machine), *load_reading(machine.num_cores, os.getloadavg()[0])]
    readings += [_threads(machine, has_torch), *_rooms(machine, has_catalog=not broken), home_reading(home)]
    readings += [*_gpu(machine, has_torch), *packages, *bases, _network()]
    readings.append(energy_reading(machine, has_library=_has_nvml()))
    speeds = None
    if has_torch and not is_quick:
        listener(Progress(stage="doctor", message="measuring the price of a token (`--quick` leaves it out)"))
        from sintonia.corridor.doors.speeds import measure_speeds

        speeds, failed = measure_speeds(machine, whole)
        readings += failed
    return Health(machine=machine, readings=tuple(readings), speeds=speeds)


def _threads(machine: Machine, has_torch: bool) -> Reading:
    num_threads = machine.num_cores
    if has_torch:
        import torch

        num_threads = torch.get_num_threads()
    return thread_reading(machine.num_cores, num_threads, os.environ)


def _gpu(machine: Machine, has_torch: bool) -> tuple[Reading, ...]:
    if not has_torch:
        return ()
    import torch

    return (gpu_reading(machine, torch.__version__, torch.version.cuda, has_device=has_nvidia_device()),)


def _has_nvml() -> bool:
    from sintonia.resources.energy.nvml import load_library

    return load_library() is not None


def _network() -> Reading:
    from sintonia.models.sources.storage import is_offline

    if is_offline():
        message = "offline: SINTONIA_OFFLINE (or HF_HUB_OFFLINE) is set, bases that are not here cannot be fetched"
        return Reading(topic="network", state="note", message=message, cure="unset SINTONIA_OFFLINE HF_HUB_OFFLINE")
    message = "used only to fetch a base that is not here yet (`SINTONIA_OFFLINE=1` forbids it)"
    return Reading(topic="network", state="good", message=message)


def _broken_catalog() -> tuple[Reading, ...]:
    """A mistake in the person's own list of bases, which stops every command that looks a base up."""
    try:
        from sintonia.models.catalog import catalog, own_catalog_path
    except ImportError:  # told of among the packages
        return ()
    try:
        catalog()
    except SintoniaError as error:
        where = error.where or str(own_catalog_path())
        cure = f"mend {where}" + (f": {error.hint}" if error.hint else "")
        return (Reading(topic="bases", state="problem", message=error.what, cure=cure, is_fatal=True),)
    return ()


def _rooms(machine: Machine, *, has_catalog: bool) -> tuple[Reading, ...]:
    """Memory and disk, by what the default bases need."""
    free, whole = machine.free_memory_bytes, machine.memory_bytes
    memory = f"{_gib(free)} of {_gib(whole)} of memory and {_gib(machine.free_disk_bytes)} of the disk are free"
    try:
        from sintonia.choose.fit import fit
        from sintonia.models.catalog import catalog, default_base, find_entry
    except ImportError:
        return (Reading(topic="room", state="good", message=memory),)
    readings = [Reading(topic="room", state="good", message=memory)]
    for task in _TASKS if has_catalog else ():
        try:
            found = fit(find_entry(default_base(task)), _asking(task), machine, None, tuple(catalog().values()))
        except SintoniaError as error:
            readings.append(_untold("room", task, error))
            continue
        what = f"{task}: `{found.base}` by method {found.method}"
        if found.outcome == "does not fit":
            cure = f"take {found.nearest}" if found.nearest else "end other programs, or free some of the disk"
            readings.append(Reading(topic="room", state="problem", message=f"{what}: {found.reason}", cure=cure))
        else:
            needs = f"{_gib(found.peak_memory_bytes)} of memory and {_gib(found.disk_bytes)} of the disk"
            readings.append(Reading(topic="room", state="good", message=f"{what} {found.outcome}: at most {needs}"))
    if readings[1:] and all(one.cure.startswith("end") for one in readings[1:]):
        readings.append(
            Reading(
                topic="room",
                state="problem",
                message="nothing can be trained with what is free",
                cure="end other programs, or set SINTONIA_HOME to a folder on another disk",
                is_fatal=True,
            )
        )
    return tuple(readings)


def _asking(task: str) -> Recipe:
    return Recipe(data=DataSettings(path=""), task=task)  # type: ignore[arg-type]


def _bases() -> tuple[tuple[str, ...], tuple[Reading, ...]]:
    """The embedded bases that are here and whole, and what is to be said of each."""
    try:
        from sintonia.choose.shelf import embedded_bases
    except ImportError:
        return (), ()
    readings, whole = [], []
    for name in embedded_bases():
        reading = _base_reading(name)
        readings.append(reading)
        if reading.state == "good":
            whole.append(name)
    return tuple(whole), tuple(readings)


def _base_reading(name: str) -> Reading:
    try:
        return _read_base(name)
    except SintoniaError as error:  # not of its files: of the list of bases, or of the commits that were pinned
        return _untold("bases", name, error)


def _untold(topic: str, what: str, error: SintoniaError) -> Reading:
    """Something that could not be looked at for another's mistake."""
    cure = (f"mend {error.where}: " if error.where else "") + (error.hint or "sintonia models  # says what is wrong")
    return Reading(topic=topic, state="problem", message=f"`{what}` cannot be looked at: {error.what}", cure=cure)


def _read_base(name: str) -> Reading:
    from sintonia.models.catalog import find_entry
    from sintonia.models.catalog.here import folder_here
    from sintonia.models.sources import BaseFiles, fetch
    from sintonia.models.sources.folder import check_files
    from sintonia.models.sources.storage import is_offline

    fetching = f"sintonia models fetch {name}"
    folder = folder_here(find_entry(name))
    if folder is None and is_offline():
        message = f"`{name}` is not here, and nothing may be fetched"
        cure = f"env -u SINTONIA_OFFLINE -u HF_HUB_OFFLINE {fetching}"
        return Reading(topic="bases", state="problem", message=message, cure=cure)
    if folder is None:
        message = f"`{name}` is not here yet: its first use fetches it"
        return Reading(topic="bases", state="note", message=message, cure=fetching)
    try:
        check_files(folder)
        fetch(find_entry(name))  # it is here: its files are compared with their hashes, nothing is downloaded
        from sintonia.models.shape import read_shape

        read_shape(BaseFiles(model=folder))
    except SintoniaError as error:
        again = f"rm -r {shlex.quote(str(folder))} && {fetching}"
        return Reading(topic="bases", state="problem", message=f"`{name}` is damaged: {error.what}", cure=again)
    except ImportError as error:
        message = f"`{name}` cannot be looked at: {error}"
        return Reading(topic="bases", state="note", message=message, cure="install what is missing")
    return Reading(topic="bases", state="good", message=f"`{name}` is here, and whole (sha256)")


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"

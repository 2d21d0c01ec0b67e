"""What tests of vaults share: planted strings, a scan for them through everything that is on the disk, and processes
that work in a vault, can be killed at any call to the file system, and say which files they wrote.
"""

from __future__ import annotations

import dataclasses
import io
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

from tests.tiny import make_rows

PASSPHRASE = "correct horse battery staple"
TOPICS = ("weather", "music", "food", "travel")


def planted_strings(count: int = 100) -> list[str]:
    """Strings that come nowhere by chance; the first four stand for labels."""
    return [f"zq{number:03d}canary{number * 7919 % 100_003:05d}xv" for number in range(count)]


def planted_rows(count: int, plants: list[str]) -> list[dict[str, str]]:
    """Rows of the tiny base's topics, with four planted labels and each other string in one text."""
    labels = dict(zip(TOPICS, plants, strict=False))
    texts = plants[len(TOPICS) :]
    rows = [{"text": row["text"], "label": labels[row["label"]]} for row in make_rows(count)]
    for number, text in enumerate(texts):
        rows[number * len(rows) // len(texts)]["text"] += f" {text}"
    return rows


def found_in(folder: Path, plants: list[str], *, but: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Which of the strings stand in which files below a folder: as UTF-8, as UTF-16, and within zip archives."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name in but:
            continue
        contents = [name.encode(), path.read_bytes()]
        with_members = zipfile.is_zipfile(path)
        if with_members:
            with zipfile.ZipFile(io.BytesIO(contents[1])) as archive:
                contents += [archive.read(one) for one in archive.namelist()]
        hits = [one for one in plants if any(_holds(content, one) for content in contents)]
        if hits:
            found[name] = hits
    return found


def _holds(content: bytes, text: str) -> bool:
    return any(text.encode(code) in content for code in ("utf-8", "utf-16-le", "utf-16-be"))


def vaulted(words: list[str], seen: str = "") -> int:
    """What the shell would call as `sintonia WORDS`, with a passphrase; every file that Python opened for writing is
    named in the file `seen`."""
    os.environ["SINTONIA_VAULT_PASSPHRASE"] = PASSPHRASE
    _begin_with_own_temporary_folder()
    if seen:
        descriptor = os.open(seen, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

        def note(event: str, given: tuple[Any, ...]) -> None:
            if event == "open" and isinstance(given[0], str | bytes) and given[2] & (os.O_WRONLY | os.O_RDWR):
                os.write(descriptor, bytes(Path(os.fsdecode(given[0])).absolute()) + b"\n")

        sys.addaudithook(note)
    from sintonia.cli.main import main

    return main(words)


def _begin_with_own_temporary_folder() -> None:
    import tempfile

    temporary = Path("temporary").absolute()
    temporary.mkdir(exist_ok=True)
    os.environ["TMPDIR"], tempfile.tempdir = str(temporary), None


def train_in_vault(kind: str, base: str, number: int) -> int:
    """As `kills.train_once`, in a vault: killed at call `number`, or never; the calls go to `calls.txt`."""
    from sintonia import vault
    from sintonia.corridor import turns
    from sintonia.corridor.walk import Walk
    from sintonia.runs import RunFolder, is_run
    from tests.reliability.kills import Kill
    from tests.reliability.trainings import make_training

    os.environ["SINTONIA_VAULT_PASSPHRASE"] = PASSPHRASE
    vault.remove_leftovers()
    kill = Kill(0)
    job = make_training(
        Path(f"recipe-{os.getpid()}"), {kind.split()[0]: Path(base)}, kind, "dropout", checkpoint_steps=3
    )
    recipe = dataclasses.replace(job.recipe, privacy=dataclasses.replace(job.recipe.privacy, vault=True))
    run = RunFolder.open("run") if is_run(Path("run")) else RunFolder.create("run", recipe)
    job = dataclasses.replace(job, run=run)
    kill.number, kill.calls, kill.names = number, 0, [""]
    with run.writing():
        turns.run_training(Walk(run, lambda _: None), job)
    names = "\n".join(kill.names[1:])
    kill.number = 0
    Path("calls.txt").write_text(names, encoding="utf-8")
    vault.close_all()
    return 0

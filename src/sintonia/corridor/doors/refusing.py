"""What is refused of what doors ask, before anything is imported that takes seconds. It reads no example."""

from __future__ import annotations

from pathlib import Path

from sintonia.errors import UsageError
from sintonia.records import Verdict
from sintonia.runs import RunFolder

SMALLEST_SCALE = 0.01


def refuse_file(run: RunFolder, file: Path) -> None:
    """Refuses a file that is not there, and a run without a verdict.

    Raises:
        UsageError: which of these.
    """
    run.refuse_expired()
    if run.read("verdict.json", Verdict) is None:
        raise UsageError(f"`{run.place}` has no verdict yet", hint=f"`sintonia resume {run.place}` goes on to it")
    if not file.exists():
        raise UsageError(f"there is no file `{file}`", hint="check the path", where="--on")


def refuse_scale(run: RunFolder, scale: float, folder: Path) -> None:
    """Refuses a scale that is none, and a folder that cannot be a new one outside of the run.

    Raises:
        UsageError: which of these.
    """
    if not SMALLEST_SCALE <= scale < 1:
        raise UsageError(
            f"a scale lies between 0 (the base) and 1 (the tuned model), not at {scale:g}",
            hint="as in `--scale 0.6`",
            where="--scale",
        )
    if folder.absolute().resolve().is_relative_to(run.place.resolve()):
        raise UsageError(f"`{folder}` lies in the run", hint="name a folder outside of it", where="--out")
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"`{folder}` is there already", hint="name a new folder", where="--out")

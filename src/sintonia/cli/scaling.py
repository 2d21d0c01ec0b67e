"""`sintonia adjust RUN --scale`: the model that goes only so far from its base. It trains nothing."""

from __future__ import annotations

from pathlib import Path

from sintonia.cli.screen import say, show_json
from sintonia.pipeline import write_scaled_model
from sintonia.runs import RunFolder


def write_scaled(run: RunFolder, scale: float, out: Path, *, as_json: bool) -> int:
    """Writes the model of the run with its training scaled, and says what is not known of it."""
    scaled = write_scaled_model(run, scale, out)
    for line in scaled.told:
        say(line)
    if as_json:
        show_json(scaled)
    else:
        print(scaled.folder)
    return 0

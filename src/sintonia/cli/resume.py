"""`sintonia resume`: goes on with a run. The pipeline itself skips the stages that are recorded."""

from __future__ import annotations

from sintonia.cli.carrying_out import carry_out
from sintonia.cli.options import JsonOption, RunArgument
from sintonia.runs import RunFolder


def resume(path: RunArgument, as_json: JsonOption = False) -> int:
    """Go on with a run that was interrupted."""
    return carry_out(RunFolder.open(path), as_json=as_json)

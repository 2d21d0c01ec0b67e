"""`sintonia resume`: goes on with a run. The pipeline itself skips the stages that are recorded."""

from __future__ import annotations

from sintonia.cli.carrying_out import carry_out
from sintonia.cli.options import JsonOption, OfflineOption, RunArgument, YesOption
from sintonia.runs import RunFolder


def resume(
    path: RunArgument, yes: YesOption = False, offline: OfflineOption = False, as_json: JsonOption = False
) -> int:
    """Go on with a run that was interrupted."""
    return carry_out(RunFolder.open(path), as_json=as_json, says_yes=yes)

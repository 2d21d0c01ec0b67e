"""`sintonia quickstart`: the whole process on smart-home commands, with no data of one's own."""

from __future__ import annotations

from typing import Annotated

import typer

from sintonia.cli.carrying_out import carry_out
from sintonia.cli.options import RUNS, JsonOption, OfflineOption, OutOption, run_path
from sintonia.cli.screen import say
from sintonia.pipeline import start
from sintonia.settings import DataSettings, Recipe


def quickstart(
    language: Annotated[str, typer.Option(help="Language of the commands, for example en or it.")] = "en",
    out: OutOption = None,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> int:
    """See the whole process on smart-home commands, in a few minutes."""
    from sintonia.choose import refuse_away
    from sintonia.prepare import write_smart_home

    refuse_away("auto", "classify")
    path = run_path(out, f"quickstart-{language}")
    data = (path.parent if out else RUNS) / f"smart-home-{language}.jsonl"
    recipe = Recipe(data=DataSettings(path=str(data), columns={"input": "text", "target": "intent"}, group="template"))
    num_rows = write_smart_home(data, language=language)
    run = start(recipe, path)
    say(f"data      {num_rows} smart-home commands ({language}) in {data}: what was said, and what was meant")
    return carry_out(run, as_json=as_json)

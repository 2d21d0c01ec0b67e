"""`sintonia serve`: OpenAI's fine-tuning interface on this machine. It only turns words into a server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from sintonia.cli.options import JsonOption
from sintonia.cli.screen import say


def serve(
    runs: Annotated[list[Path] | None, typer.Argument(metavar="[RUN]...", help="Finished runs to offer.")] = None,
    host: Annotated[str, typer.Option(help="Where to listen; beyond loopback it needs --token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes any that is free.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            envvar="SINTONIA_SERVE_TOKEN",
            help="What clients have to know; made up and shown when left out. Better in SINTONIA_SERVE_TOKEN.",
        ),
    ] = None,
    home: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where files and jobs are kept; SINTONIA_HOME/serve by default.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Fine-tuning jobs at once.")] = 1,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Another name that clients call this machine by.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Serve models and fine-tuning jobs to OpenAI's clients, on this machine alone."""
    from sintonia.serve import run_server, surroundings_of

    around = surroundings_of(
        home=home,
        token=token,
        host=host,
        port=port,
        runs=tuple(runs or ()),
        jobs=jobs,
        allowed_hosts=tuple(allow_host or ()),
    )
    return run_server(around, _tell, _tell_program if as_json else lambda _: None)


def _tell(line: str) -> None:
    say(line)
    sys.stderr.flush()


def _tell_program(facts: dict[str, str]) -> None:
    """Once it answers: one line with url, home and a token that was made up."""
    print(json.dumps(facts), flush=True)

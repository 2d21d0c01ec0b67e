"""`sintonia doctor`: this machine as training will find it, each problem with what cures it. It mends nothing.

Exit code 0, also with problems that a training can live with; 1 where nothing can be trained.
"""

from __future__ import annotations

from typing import Annotated

import typer

from sintonia.cli.options import JsonOption
from sintonia.cli.screen import say, show_json
from sintonia.files import to_json
from sintonia.pipeline import Progress, duration, look_over_machine
from sintonia.records.health import Health, Reading, Speeds

_WIDTH = 11
_SIGNS = {"good": "ok", "note": "note", "problem": "PROBLEM"}


def doctor(
    is_quick: Annotated[bool, typer.Option("--quick", help="Do not measure how fast this machine is.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Look this machine over: what is wrong for training, what cures it, how fast it is."""
    health = look_over_machine(is_quick=is_quick, listener=_tell)
    if as_json:
        show_json({**to_json(health), "can_train": health.can_train})
    else:
        _show(health)
    return 0 if health.can_train else 1


def _tell(progress: Progress) -> None:
    say(progress.message, style="dim")


def _show(health: Health) -> None:
    for reading in health.readings:
        _show_reading(reading)
    if health.speeds:
        _show_speeds(health.speeds)
    problems = sum(one.state == "problem" for one in health.readings)
    print()
    if not health.can_train:
        print("nothing can be trained on this machine until what is FATAL is cured")
    elif problems:
        print(f"training works; {problems} problem{'s' if problems > 1 else ''} above should be cured")
    else:
        print("all is well")


def _show_reading(reading: Reading) -> None:
    sign = "FATAL" if reading.is_fatal else _SIGNS[reading.state]
    print(f"{sign:<9}{reading.topic:<{_WIDTH}}{reading.message}")
    if reading.cure:
        print(f"{'':<{9 + _WIDTH}}cure: {reading.cure}")


def _show_speeds(speeds: Speeds) -> None:
    """The price of a token, in tokens a second and in what a million of them takes."""
    bf16 = speeds.bf16_operations_per_second
    matrices = f"matrices: {speeds.fp32_operations_per_second / 1e9:.0f} GFLOP/s in fp32"
    matrices += f", {bf16 / 1e9:.0f} in bf16" if bf16 else ", bf16 has no hardware here"
    lines = [f"{matrices} ({speeds.num_threads} thread{'s' if speeds.num_threads > 1 else ''})"]
    for one in speeds.bases:
        million = duration(1e6 / one.training_tokens_per_second)
        lines.append(
            f"`{one.base}` reads {one.forward_tokens_per_second:,.0f} tokens a second and learns "
            f"{one.training_tokens_per_second:,.0f} by method {one.method}: a million in {million}"
        )
    for line in lines:
        print(f"{'ok':<9}{'speed':<{_WIDTH}}{line}")
    print(f"{'':<{9 + _WIDTH}}(measured in {speeds.seconds:.0f} s, beside all else that this machine was doing)")

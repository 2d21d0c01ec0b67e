"""`sintonia adjust RUN --curve`: would more data help, and where are examples missing? It shows what was measured."""

from __future__ import annotations

from sintonia.cli.interrupting import ending
from sintonia.cli.screen import say, show_json, showing
from sintonia.pipeline import measure_curve
from sintonia.records import CurvePoint, LearningCurve
from sintonia.runs import RunFolder

_MOST_MISSING = 8


def show_curve(run: RunFolder, *, fine_tunes: bool, goal: float | None, says_yes: bool, as_json: bool) -> int:
    """Measures the learning curve of a run and shows it; real trainings are asked about first, unless `says_yes`."""
    with ending("ended; the sizes that were trained are kept"), showing() as shown:
        ask = (lambda _: True) if says_yes else shown.ask
        curve = measure_curve(run, fine_tunes=fine_tunes, goal=goal, listener=shown.hear, ask=ask)
    _show(curve)
    say(f"\n`{run.file('curve.json').name}` of the run holds it, and its report the picture", style="dim")
    if as_json:
        show_json(curve)
    return 0


def _show(curve: LearningCurve) -> None:
    say()
    say(curve.told[0], style="bold")
    if curve.points:
        say(f"{'examples':>10}  error ({curve.measure}), 90 %")
    for point in curve.points:
        say(f"{point.num_examples:>10,}  {_told(point)}")
    for line in curve.told[1:]:
        say(line)
    for number, line in enumerate(curve.advice, start=1):
        say(f"{number}  {line}")
    for one in curve.missing[:_MOST_MISSING]:
        error, trained = one.error, "" if one.num_train is None else f", {one.num_train:,} in training"
        say(
            f"missing   {one.column} {one.value}: error {error.value:.3f} ({error.low:.3f} to {error.high:.3f}) on "
            f"{one.num_examples:,} validation examples, {one.other_error:.3f} on the others{trained}"
        )


def _told(point: CurvePoint) -> str:
    return f"{point.error.value:.3f} ({point.error.low:.3f} to {point.error.high:.3f})"

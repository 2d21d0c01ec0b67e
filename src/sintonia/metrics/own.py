"""A person's own metric, from a Python file, scored example by example; its mistakes are told by file and line.

The file runs as the code it is, with the rights of whoever runs it; it is put in no table here (`table.py`).
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import math
import numbers
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from sintonia.errors import UsageError
from sintonia.metrics.limit import OutOfTime, within
from sintonia.metrics.metric import Labels, Metric, check_lengths, mean_counts, mean_from_counts

EXAMPLE = """NAME = "first_word"
BLIND_TO = "Everything after the first word of an answer."
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)

def score(target, prediction):
    return float(target.split()[:1] == prediction.split()[:1])
"""
"""A whole file, for the pages that explain it. `TITLE` (the name in prose) and `MARGIN` (the smallest difference that
matters) may be said too."""

MOST_SECONDS = 30.0
"""For the file itself, and for each call of `score`; time for a first call to load what it needs."""
_NEEDED = ("NAME", "BLIND_TO", "HIGHER_IS_BETTER", "RANGE", "score")
_FEWEST_WORDS = 3
_MARGIN_FRACTION, _MARGIN_RELATIVE = 0.01, 0.02
_WHOLE_SET = (
    "`metric(targets, predictions)` gives one number for all examples, and no test can tell from one number "
    "whether a difference is chance"
)


@dataclass(frozen=True, slots=True)
class _File:
    """What a file defines, and where."""

    path: Path
    names: Mapping[str, Any]
    lines: Mapping[str, int]

    def wrong(self, name: str, what: str, expected: str) -> UsageError:
        """A mistake of a name, with its line."""
        return UsageError(what, expected=expected, where=f"{self.path}:{self.lines.get(name, 1)}")


def load_metric(path: str | Path, taken: Mapping[str, Metric]) -> Metric:
    """The metric that a file defines; `taken` are the names it may not have.

    Raises:
        UsageError: no such file, code that fails, names that are missing or wrong, an example score that is no number.
            The last is raised when the metric is computed.
    """
    file = _run(Path(path).expanduser())
    missing = [name for name in _NEEDED if name not in file.names]
    if missing:
        whole = "metric" in file.names and "score" in missing
        raise UsageError(
            f"the metric's file lacks {', '.join(f'`{name}`' for name in missing)}"
            + (f"; {_WHOLE_SET}" if whole else ""),
            expected="NAME, BLIND_TO, HIGHER_IS_BETTER, RANGE and `def score(target, prediction)` of one example",
            where=f"{file.path}:{file.lines.get('metric', 1) if whole else 1}",
        )
    _check_words(file, taken)
    low, high = _range(file)
    margin = _margin(file, high - low)
    return Metric(
        name=file.names["NAME"],
        title=str(file.names.get("TITLE", file.names["NAME"].replace("_", " "))),
        counts=_counts(file, (low, high)),
        from_counts=mean_from_counts,
        higher_is_better=file.names["HIGHER_IS_BETTER"],
        range=(low, high),
        blind_to=file.names["BLIND_TO"].strip(),
        is_mean_of_correct=False,
        reads="answers",
        usual_margin=_MARGIN_RELATIVE if margin is None else margin,
        is_margin_relative=margin is None,
        unit="points" if (low, high) == (0.0, 1.0) else "plain",
    )


def _run(path: Path) -> _File:
    """The file, run once."""
    try:
        text = path.read_bytes()
    except OSError as problem:
        raise UsageError(
            f"the metric's file `{path}` cannot be read: {problem.strerror}", hint="check the path"
        ) from None
    try:
        tree, code = ast.parse(text, str(path)), compile(text, str(path), "exec", dont_inherit=True)
    except SyntaxError as problem:
        raise UsageError(f"this is no Python: {problem.msg}", where=f"{path}:{problem.lineno or 1}") from None
    except (ValueError, RecursionError):
        raise UsageError("this is no Python that can be read", where=f"{path}:1") from None
    module = ModuleType("sintonia_own_metric")
    module.__file__ = str(path)
    _told(path, lambda: exec(code, module.__dict__))
    lines: dict[str, int] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
        for one in targets:
            lines[getattr(one, "id", getattr(one, "name", ""))] = node.lineno
    return _File(path=path, names=vars(module), lines=lines)


def _told(path: Path, call: Callable[[], Any]) -> Any:
    """What a call of the person's code gives; what it raises is told with its line, without what was in the rows."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output is for results
            return within(MOST_SECONDS, call)
    except (Exception, SystemExit, OutOfTime) as problem:
        what = f"raised {type(problem).__name__}"
        if isinstance(problem, OutOfTime):
            what = f"was not done after {MOST_SECONDS:g} seconds, and was stopped"
        raise UsageError(
            f"the metric's own code {what}",
            hint="try the file on a few targets and predictions of your own",
            where=f"{path}:{_last_line(path, problem)}",
        ) from None


def _last_line(path: Path, problem: BaseException) -> int:
    """Where in the person's file a problem came up."""
    place, line = problem.__traceback__, 1
    while place is not None:
        if place.tb_frame.f_code.co_filename == str(path):
            line = place.tb_lineno
        place = place.tb_next
    return line


def _check_words(file: _File, taken: Mapping[str, Metric]) -> None:
    name, blind_to, score = (file.names[one] for one in ("NAME", "BLIND_TO", "score"))
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        raise file.wrong(
            "NAME", "NAME is no name of a metric", "lower-case letters, digits and _, such as `first_word`"
        )
    if name in taken:
        raise file.wrong("NAME", f"there is a metric `{name}` already", "another NAME")
    if not isinstance(blind_to, str) or len(blind_to.split()) < _FEWEST_WORDS:
        raise file.wrong("BLIND_TO", "BLIND_TO says nothing", "a sentence: which mistakes this number does not show")
    if not isinstance(file.names["HIGHER_IS_BETTER"], bool):
        raise file.wrong("HIGHER_IS_BETTER", "HIGHER_IS_BETTER is neither", "True or False")
    try:
        inspect.signature(score).bind("target", "prediction")
    except (TypeError, ValueError):
        raise file.wrong("score", "`score` cannot be asked", "`def score(target, prediction)`, two texts") from None


def _range(file: _File) -> tuple[float, float]:
    asked = file.names["RANGE"]
    try:
        low, high = (float(bound) for bound in asked)
    except (TypeError, ValueError):
        low = high = math.nan
    if not low < high:
        raise file.wrong("RANGE", "RANGE is no range", "the lowest and the highest score, such as `(0.0, 1.0)`")
    return low, high


def _margin(file: _File, width: float) -> float | None:
    """The smallest difference that matters; None where only a share of the base's score can be said."""
    if "MARGIN" not in file.names:
        return _MARGIN_FRACTION * width if math.isfinite(width) else None
    asked = file.names["MARGIN"]
    if isinstance(asked, bool) or not isinstance(asked, numbers.Real) or not 0 < float(asked) < width:
        raise file.wrong("MARGIN", "MARGIN is no difference of scores", "a number above 0, within RANGE")
    return float(asked)


def _counts(file: _File, bounds: tuple[float, float]) -> Callable[[Labels, Labels], Any]:
    """The additive counts; `score` is asked once for each pair of texts, so that it cannot change its mind."""
    score = file.names["score"]

    @cache
    def scored(target: str, prediction: str) -> float:
        value = _told(file.path, lambda: score(target, prediction))
        if not isinstance(value, numbers.Real):
            raise file.wrong("score", f"`score` gave {type(value).__name__}", "a number")
        number = float(value)
        if not math.isfinite(number) or not bounds[0] <= number <= bounds[1]:
            raise file.wrong("score", f"`score` gave {number:g}", f"a number in RANGE, {bounds[0]:g} to {bounds[1]:g}")
        return number

    def counts(targets: Labels, predictions: Labels) -> Any:
        """Columns: score of each example, examples."""
        check_lengths(targets, predictions)
        return mean_counts([scored(*pair) for pair in zip(targets, predictions, strict=True)])

    return counts

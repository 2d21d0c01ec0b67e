"""What the data need before any setting: labels that look wrong come before a learning rate (science.md 2.4, 4.1).

It reads findings of the audit and of the training, and changes no row: a person does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sintonia.adjust.remedies.experience import NOT_MEASURED
from sintonia.records import DataStep, Finding

LEAST_SHARE = 0.02
"""Share of the rows from which what is wrong with them comes before a setting: that of D127, below which validation
sets of a few hundred rows show no difference."""
_TIME = "a person's time, and no training"


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is done about one finding, and when it matters before any setting."""

    action: str
    expected: str
    matters: Callable[[Finding, int], bool]


def _always(_finding: Finding, _num_rows: int) -> bool:
    return True


def _is_grave(finding: Finding, _num_rows: int) -> bool:
    return finding.severity != "note"


def _is_stopping(finding: Finding, _num_rows: int) -> bool:
    return finding.severity == "stop"


def _is_common(finding: Finding, num_rows: int) -> bool:
    return finding.count >= LEAST_SHARE * num_rows


_GAIN = f"by how much is {NOT_MEASURED}"
_OF_DATA: dict[str, _Answer] = {
    "D110": _Answer(
        "look at a few rows: are these the labels of these texts?",
        "as the labels are, no setting can make the model better than guessing",
        _is_stopping,
    ),
    "D109": _Answer(
        "write each class in one way, then `sintonia check DATA`",
        f"right answers no longer count as wrong; {_GAIN}",
        _is_grave,
    ),
    "D103": _Answer(
        "correct the lines that `sintonia check DATA` lists: the same text with different targets",
        f"no model can be right on all of them as they are; {_GAIN}",
        _is_common,
    ),
    "D127": _Answer(
        "go through the labels that look wrong: `sintonia check DATA --review`",
        f"the model is no longer taught wrong labels, and validation no longer counts right answers as wrong; {_GAIN}",
        _is_grave,  # it is a warning only where a share may be claimed, and from two in a hundred on
    ),
    "D105": _Answer(
        "label more examples of the classes that have few: `sintonia label POOL --run RUN`, or merge classes",
        f"these classes are learned, and not only the words of a few examples; {_GAIN}",
        _is_grave,
    ),
    "D134": _Answer(
        "mend what is learned: raise `training.max_tokens` where answers are cut away, or take another `chat.template`",
        f"these examples teach something; {_GAIN}",
        _is_common,
    ),
    "D113": _Answer(
        "take rows that are tested too out of the training file: `sintonia check DATA --test TEST --fix clean.jsonl`",
        "a verdict that can be relied on; the scores may well fall",
        _is_stopping,
    ),
    "D115": _Answer(
        "take the answer out of the texts that give it away, where it will not stand in real use",
        "scores that hold in real use; they may well fall",
        _is_grave,
    ),
}
"""Findings of the audit, what helps most first."""
_OF_TRAINING: dict[str, _Answer] = {
    "T205": _Answer(
        "look at a few rows: are the columns the right ones, and does the target belong to its text?",
        "without that no setting helps",
        _always,
    ),
    "T207": _Answer(
        "look at the targets of a few dozen rows, and at where training and validation rows come from",
        "wrong or random targets are only memorised; with more examples the same recipe may carry over",
        _always,
    ),
    "T211": _Answer(
        "collect and label more examples: `sintonia adjust RUN --curve` says whether it pays, and how many",
        f"limited by examples and not by settings; {_GAIN}",
        _always,
    ),
    "T208": _Answer(
        "collect and label more examples, for validation too",
        "a gain that may be there already can be shown",
        _always,
    ),
}
"""Findings of the training that no setting answers, or none as well."""
_ABOUT_LABELS = frozenset({"D110", "D109", "D103", "D127"})
_UNDERFIT = frozenset({"T201", "T202", "T203", "T204", "T206", "T213", "T214", "T215"})
"""Where the training examples themselves were not learned, more of them do not help (science.md 4.1)."""


def data_steps(about_data: Sequence[Finding], shown: Sequence[Finding], num_rows: int) -> tuple[DataStep, ...]:
    """What comes before any setting, the first first; empty where the data are not what is wrong.

    `about_data` are the findings of the audit of `num_rows` rows, `shown` those of the training that adjusting starts
    from.
    """
    return tuple(_steps(about_data, shown, num_rows))


def _steps(about_data: Sequence[Finding], shown: Sequence[Finding], num_rows: int) -> Iterator[DataStep]:
    audited, trained = ({one.code: one for one in reversed(found)} for found in (about_data, shown))
    told: set[str] = set()
    for code, answer in _OF_DATA.items():
        if code in audited and answer.matters(audited[code], num_rows):
            told.add(code)
            yield _step(audited[code], answer)
    if trained.keys() & _UNDERFIT:
        return
    if "T207" in trained and "D116" in audited and _is_grave(audited["D116"], num_rows):
        yield _step(audited["D116"], _DRIFT)
    for code, answer in _OF_TRAINING.items():
        is_said = code in ("T205", "T207") and told & _ABOUT_LABELS
        if code in trained and not is_said:
            yield _step(trained[code], answer)


_DRIFT = _Answer(
    "train on rows of the kind that is tested: training and test rows differ",
    "what is learned carries over only to rows like those it was learned from",
    _always,
)


def _step(finding: Finding, answer: _Answer) -> DataStep:
    rows = f"{finding.count:,} rows to look at, {_TIME}" if finding.code in ("D103", "D127") else _TIME
    return DataStep(
        finding=finding.code, action=answer.action, reason=finding.message, expected=answer.expected, cost=rows
    )

"""The end of a run on conversations, in a process that kills itself (-9) at a chosen call, for `test_kill_judging.py`.

It begins where the training has ended: baselines, the opening of the test, writing, a judge, forgetting, the report.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sintonia import pipeline
from sintonia.recipe import make_recipe
from sintonia.runs import RunFolder
from tests.reliability.kills import Kill
from tests.tiny import make_conversations, write_rows

_METRIC = """NAME = "first_word"
BLIND_TO = "Everything after the first word of an answer."
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)

def score(target, prediction):
    return float(target.split()[:1] == prediction.split()[:1])
"""


class _Stop(Exception):
    """The training has ended."""


def train_only(base: str, judge: str) -> int:
    """A run in this folder whose training has ended and whose test is sealed."""
    write_rows(Path("rows.jsonl"), make_conversations(310))
    Path("own.py").write_text(_METRIC, encoding="utf-8")
    evaluation = {"new_tokens": 6, "judge": f"file:{judge}", "judge_examples": 9, "metrics_file": "own.py"}
    recipe = make_recipe(
        {
            "data": {"path": "rows.jsonl"},
            "base": f"file:{base}",
            "task": "chat",
            "training": {"epochs": 2, "learning_rate": 1e-2, "evaluations": 1},
            "evaluation": evaluation,
        }
    )

    def stop(*_: object) -> None:
        raise _Stop

    with pytest.MonkeyPatch.context() as patch, pytest.raises(_Stop):
        patch.setattr("sintonia.corridor.closing.bench.make_benches", stop)
        pipeline.improve(pipeline.start(recipe, "run"))
    return 0


def judge_once(number: int) -> int:
    """Goes on with that run to its end; killed at call `number`, or never. What each call was goes to `calls.txt`."""
    kill, opened = Kill(0), [0]
    run = RunFolder.open("run")
    kill.number, kill.calls, kill.names = number, 0, [""]

    def listen(progress: object) -> None:
        if "is open (opening" in str(getattr(progress, "message", "")):
            opened[0] = kill.calls

    pipeline.improve(run, listen)
    kill.number = 0
    Path("calls.txt").write_text("\n".join([str(opened[0]), *kill.names[1:]]), encoding="utf-8")
    return 0

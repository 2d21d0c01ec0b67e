"""E4 for conversations, on the real base: answers that belong to other prompts must never make a model `better`.

Shuffled answers can be learned in a sense (their words, their length), and bits per byte fall; E309 sees that they do
not follow from the prompts. The same rows with their own answers are the positive control.

Three runs of one epoch of about 230 short rows, each with its base, rungs and verdict: a few minutes each on two cores.
What was computed stays in pytest's cache, by the source code that computed it: what was interrupted goes on when the
test is called again, and changed code begins anew.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path

import pytest

import sintonia
from sintonia.pipeline import improve, start
from sintonia.recipe import make_recipe
from sintonia.records import Verdict
from sintonia.runs import RunFolder
from tests.tiny import make_conversations, write_rows

NUM_ROWS = 320
"""From 300 on there is one part, and one training."""


def source_id() -> str:
    """Stands for the code that computes: results of other code prove nothing."""
    digest, folder = hashlib.sha256(), Path(sintonia.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@pytest.fixture
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where runs of this very code are kept; those of other code are removed, the base that was fetched stays."""
    root = Path(request.config.cache.mkdir("random-answers"))
    monkeypatch.setenv("SINTONIA_HOME", str(root / "home"))
    mine = root / source_id()
    for other in root.iterdir():
        if other not in (mine, root / "home"):
            shutil.rmtree(other)
    mine.mkdir(exist_ok=True)
    return mine


def verdict_on(folder: Path, seed: int, *, is_shuffled: bool) -> Verdict:
    """Of a run that goes on from where it was interrupted."""
    path = folder / f"{'shuffled' if is_shuffled else 'true'}-{seed}"
    if (path / "run").exists():
        return improve(RunFolder.open(path / "run"))
    rows = make_conversations(NUM_ROWS, seed)
    answers = [row["completion"] for row in rows]
    if is_shuffled:
        random.Random(seed).shuffle(answers)
    told = [{"prompt": row["prompt"], "completion": answer} for row, answer in zip(rows, answers, strict=True)]
    path.mkdir(exist_ok=True)
    recipe = {
        "data": {"path": str(write_rows(path / "rows.jsonl", told))},
        "task": "chat",
        "base": "smollm2",
        "accept": ["D103"],
        "training": {"epochs": 1, "evaluations": 2, "max_tokens": 128},
    }
    return improve(start(make_recipe(recipe), path / "run"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_shuffled_answers_are_never_better(kept: Path, seed: int) -> None:
    verdict = verdict_on(kept, seed, is_shuffled=True)
    assert verdict.outcome != "better"
    fooled = verdict.primary.p_value < verdict.level and verdict.primary.difference.value < 0
    assert ("E309" in {one.code for one in verdict.causes}) == fooled, "said where bits alone would have said better"
    assert fooled or seed, "with seed 0 they would have"


@pytest.mark.slow
def test_true_answers_are_better(kept: Path) -> None:
    assert verdict_on(kept, 0, is_shuffled=False).outcome == "better"

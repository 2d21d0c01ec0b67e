"""Random targets must never yield `better`; true targets of the same small subset must (slow: the real base)."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from sintonia.pipeline import improve, start
from sintonia.prepare import write_smart_home
from sintonia.settings import DataSettings, Recipe, TrainingSettings

SEEDS = range(20)
ACCEPTED = ("D103", "D110")
"""Stop findings that shuffled targets set off; accepted, so that the verdict is reached."""


@pytest.fixture(scope="module")
def subset(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """Smart-home commands of the ten most common intents, of which each seed takes 400."""
    path = tmp_path_factory.mktemp("data") / "commands.jsonl"
    write_smart_home(path)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    sizes = {intent: sum(row["intent"] == intent for row in rows) for intent in {row["intent"] for row in rows}}
    common = sorted(sizes, key=lambda intent: (-sizes[intent], intent))[:10]
    rows = [{"text": row["text"], "label": row["intent"]} for row in rows if row["intent"] in common]
    return rows


def outcome(folder: Path, rows: list[dict[str, str]], seed: int, *, head_start: str, shuffled: bool) -> str:
    """The verdict on these rows; with `shuffled`, every text gets the label of some other text."""
    rows = random.Random(seed).sample(rows, 400)
    labels = [row["label"] for row in rows]
    if shuffled:
        random.Random(seed).shuffle(labels)
    folder.mkdir()
    data = folder / "rows.jsonl"
    data.write_text(
        "".join(json.dumps({**row, "label": label}) + "\n" for row, label in zip(rows, labels, strict=True)),
        encoding="utf-8",
    )
    recipe = Recipe(
        data=DataSettings(path=str(data)),
        seed=seed,
        accept=ACCEPTED,
        training=TrainingSettings(head_start=head_start, epochs=4.0),
    )
    return improve(start(recipe, folder / "run")).outcome


@pytest.mark.slow
@pytest.mark.parametrize("head_start", ["probe", "random"])
def test_shuffled_targets_are_never_better_and_true_ones_are(
    tmp_path: Path, subset: list[dict[str, str]], head_start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("SINTONIA_HOME", str(home))
    found: dict[bool, list[str]] = {True: [], False: []}
    for seed in SEEDS:
        for shuffled in (True, False):
            folder = tmp_path / f"{head_start}-{seed}-{shuffled}"
            found[shuffled].append(outcome(folder, subset, seed, head_start=head_start, shuffled=shuffled))
            print(f"head_start {head_start} seed {seed} shuffled {shuffled}: {found[shuffled][-1]}", flush=True)
    assert found[True].count("better") == 0
    assert found[False].count("better") >= 18

"""Plain text of a domain, then a task: a base goes on training on text, is judged, and is the base of the next run."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from sintonia.choose import choose
from sintonia.errors import UsageError
from sintonia.models.language.saved import open_language_base
from sintonia.pipeline import Progress, improve, start
from sintonia.records import Base, Details, Scorecard, Turn, Verdict
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, EvaluationSettings, LoraSettings, Recipe, TrainingSettings
from tests.tiny import TOPICS, make_conversations, write_rows

FAST = {"evaluations": 2, "warmup_fraction": 0.0, "max_tokens": 256}


def write_domain(path: Path, num_paragraphs: int = 600) -> Path:
    """Text of one kind: what stands where is always the same, the words are not."""
    words = [word for topic in TOPICS.values() for word in topic]
    drawn, paragraphs = random.Random(0), []
    for number in range(num_paragraphs):
        one, two, three, four, five, six = drawn.sample(words, 6)
        paragraphs.append(f"Article {number}. The {one} of {two} is a {three}, or a {four} of the {five} and {six}.")
    path.write_text("\n\n".join(paragraphs) + "\n")
    return path


@pytest.fixture(scope="module")
def finished(
    tiny_language_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunFolder, Verdict, list[Progress]]]:
    folder = tmp_path_factory.mktemp("pretrain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        recipe = Recipe(
            data=DataSettings(path=str(write_domain(folder / "law.txt")), passage_bytes=200),
            base=f"file:{tiny_language_model}",
            lora=LoraSettings(rank=4),
            training=TrainingSettings(epochs=1.0, learning_rate=1e-2, **FAST),
        )
        run, told = start(recipe, folder / "run"), []
        yield run, improve(run, told.append), told


def test_the_base_is_beaten_on_unseen_passages_and_its_forgetting_is_measured(
    finished: tuple[RunFolder, Verdict, list[Progress]],
) -> None:
    run, verdict, _ = finished
    assert (verdict.outcome, verdict.primary.metric) == ("better", "bits_per_byte")
    assert verdict.primary.tuned.value < verdict.primary.base.value
    assert {one.name for one in verdict.rungs} == {
        "untouched base",
        "base behind training text",
        "compressor",
        "letters alone",
    }
    assert verdict.base in ("untouched base", "base behind training text")
    assert "unseen passages of the text" in verdict.sentence and "answer" not in verdict.sentence
    assert not {one.code for one in verdict.causes} & {"E309", "E308", "E315"}
    details = run.read("turns/001/details.json", Details)
    assert details is not None and details.forgetting is not None
    assert details.forgetting.kind == "language" and len(details.forgetting.anchors) > 0
    card = run.read("turns/001/scorecards/test-tuned.json", Scorecard)
    assert card is not None and card.num_bytes and max(card.num_bytes) <= 200


def test_the_report_and_the_card_speak_of_passages_and_of_the_next_step(
    finished: tuple[RunFolder, Verdict, list[Progress]],
) -> None:
    run, _, _ = finished
    page, card = run.file("report.html").read_text(), run.file("card.md").read_text()
    assert "sintonia tune DATA --task chat --base file:" in page and "apply_chat_template" not in page
    assert "Bits per byte of unseen passages" in card
    marks = json.loads(run.file("model/sintonia.json").read_text())
    assert marks["task"] == "pretrain"
    estimated = json.loads(run.file("resources.json").read_text())["estimated"]
    assert estimated["seconds"] > 0 and estimated["peak_memory_bytes"] > 0


def test_its_model_is_the_base_of_a_task(
    finished: tuple[RunFolder, Verdict, list[Progress]],
    tiny_language_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    parent = finished[0].file("model")
    sets = {
        name: str(write_rows(tmp_path / f"{name}.jsonl", make_conversations(count, seed)))
        for seed, (name, count) in enumerate({"train": 60, "validation": 20, "test": 30}.items())
    }
    recipe = Recipe(
        data=DataSettings(path=sets["train"], validation=sets["validation"], test=sets["test"]),
        task="chat",
        base=f"file:{parent}",
        lora=LoraSettings(rank=4),
        evaluation=EvaluationSettings(decoding="none"),
        training=TrainingSettings(epochs=1.0, learning_rate=1e-3, **FAST),
    )
    run = start(recipe, tmp_path / "run")
    improve(run)
    base, turn = run.read("base.json", Base), run.read("turns/001/turn.json", Turn)
    assert base is not None and turn is not None and turn.recipe.task == "chat"
    assert base.reference == f"file:{parent}", "the base is named after its parent"
    original = open_language_base(
        choose(Recipe(data=recipe.data, base=f"file:{tiny_language_model}"), "chat"), 64, "auto"
    )
    opened = open_language_base(base, 64, "auto")
    messages = [{"role": "user", "content": "rain?"}]
    assert opened.template.prompt(messages) == original.template.prompt(messages)
    origin = json.loads(run.file("model/adapter_config.json").read_text())
    assert origin["r"] == 8, "both trainings are in one adapter on the original base"


def test_an_encoder_is_refused_in_a_sentence(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    data = DataSettings(path=str(write_domain(tmp_path / "law.txt")))
    with pytest.raises(UsageError, match="the task pretrain needs a causal language model"):
        start(Recipe(data=data, task="pretrain", base=f"file:{tiny_base}"), tmp_path / "run")

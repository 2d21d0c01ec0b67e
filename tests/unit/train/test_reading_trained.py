"""What is learned of long texts and of two texts depends on how they are read; short texts are learned alike."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sintonia.choose import choose
from sintonia.evaluate.predict import score_candidate
from sintonia.models.answering import answer
from sintonia.models.open import open_candidate
from sintonia.records import Evaluation, Example, Place
from sintonia.train import Job, train
from sintonia.train.learners import make_learner
from sintonia.train.learners.pooled import EncoderLearner
from tests.tiny import FILLER, TOPICS
from tests.unit.train.jobs import make_job

LIMIT = 16
"""Tokens that are read at once; the texts have 40 words."""


def telling(count: int, seed: int, place: str) -> tuple[Example, ...]:
    """Texts of 40 words of which two tell the label: the last ones, or two in the middle."""
    generator, found = np.random.default_rng(seed), []
    for k in range(count):
        label = sorted(TOPICS)[k % 4]
        words = generator.choice(FILLER, 40).tolist()
        at = 38 if place == "end" else 10
        words[at : at + 2] = generator.choice(TOPICS[label], 2).tolist()
        found.append(_example(f"{seed}-{k}", " ".join(words), label))
    return tuple(found)


def of_pairs(count: int, seed: int) -> tuple[Example, ...]:
    """Two short texts that are about the same topic, or not: neither tells the label by itself."""
    generator, found = np.random.default_rng(seed), []
    for k in range(count):
        topics = generator.choice(sorted(TOPICS), 2, replace=False).tolist()
        is_same = k % 2 == 0
        first, second = (
            " ".join(generator.choice(TOPICS[one], 3).tolist()) for one in (topics[0], topics[0 if is_same else 1])
        )
        texts = {"texts": [first, second]}
        found.append(_example(f"{seed}-{k}", f"{first}\n{second}", "same" if is_same else "other", texts))
    return tuple(found)


def _example(name: str, text: str, label: str, content: dict[str, Any] | None = None) -> Example:
    return Example(id=name, input=text, target=label, group=name, place=Place(file="rows", line=1), content=content)


def trained(job: Job) -> float:
    """The accuracy on validation after the last step."""
    for _ in train(job):
        pass
    return list(job.run.lines(job.file("evaluations.jsonl"), Evaluation))[-1].metric


def long_job(folder: Path, base: Path, place: str, long_texts: str, **training: Any) -> Job:
    job = make_job(folder, base, max_tokens=LIMIT, long_texts=long_texts, learning_rate=3e-3, epochs=6.0, **training)
    return dataclasses.replace(job, train=telling(160, 1, place), validation=telling(80, 2, place))


def pair_job(folder: Path, base: Path, text_pairs: str, **training: Any) -> Job:
    job = make_job(folder, base, text_pairs=text_pairs, learning_rate=3e-3, epochs=4.0, **training)
    return dataclasses.replace(job, train=of_pairs(160, 1), validation=of_pairs(80, 2), labels=("other", "same"))


@pytest.mark.parametrize(
    ("place", "long_texts", "is_learned"),
    [
        ("end", "head", False),
        ("end", "head_tail", True),
        ("end", "windows", True),
        ("middle", "head_tail", False),
        ("middle", "windows", True),
    ],
)
def test_a_telling_word_is_learned_where_it_is_read(
    tmp_path: Path, tiny_base: Path, place: str, long_texts: str, is_learned: bool
):
    accuracy = trained(long_job(tmp_path / "run", tiny_base, place, long_texts))
    assert accuracy > 0.7 if is_learned else accuracy < 0.45


def test_what_was_learned_of_windows_is_saved_and_answered_in_order(tmp_path: Path, tiny_base: Path):
    job = long_job(tmp_path / "run", tiny_base, "middle", "windows")
    accuracy = trained(job)
    folder = job.run.file(job.file("model"))
    assert open_candidate(folder).model.reading.long_texts == "windows"
    card = score_candidate(folder, job.validation, "validation")
    assert np.mean([one == two for one, two in zip(card.predictions, card.targets, strict=True)]) >= accuracy
    texts = [*(one.input for one in job.validation[:6]), "rain", "guitar", *(one.input for one in job.validation[6:9])]
    together = answer(open_candidate(folder), texts)
    for text, found in zip(texts, together, strict=True):
        (alone,) = answer(open_candidate(folder), [text])
        assert alone["prediction"] == found["prediction"]
        assert alone["confidence"] == pytest.approx(found["confidence"], abs=1e-5)


@pytest.mark.parametrize("method", ["full", "head"])
def test_compared_texts_are_learned_and_saved(tmp_path: Path, tiny_base: Path, method: str):
    job = pair_job(tmp_path / "run", tiny_base, "compared")
    job = dataclasses.replace(job, recipe=dataclasses.replace(job.recipe, method=method))
    accuracy = trained(job)
    folder = job.run.file(job.file("model"))
    candidate = open_candidate(folder)
    assert candidate.model.reading.pairs == "compared"
    assert candidate.model.head is not None and candidate.model.head.in_features == 4 * 32
    card = score_candidate(folder, job.validation, "validation")
    assert np.mean([one == two for one, two in zip(card.predictions, card.targets, strict=True)]) >= accuracy - 0.02
    assert accuracy > 0.7 or method == "head"  # features of a random base tell next to nothing


@pytest.mark.parametrize("setting", [{"long_texts": "head_tail"}, {"long_texts": "windows"}])
def test_short_texts_have_the_same_losses_however_long_ones_are_read(tmp_path: Path, tiny_base: Path, setting: Any):
    def losses(name: str, **training: Any) -> list[float]:
        events = train(make_job(tmp_path / name, tiny_base, epochs=1.0, **training))
        return [event.values["loss"] for event in events if event.kind == "step"]

    assert losses("plain", long_texts="head") == losses("other", **setting)


def test_the_states_of_frozen_layers_are_not_kept_for_several_sequences(tmp_path: Path, tiny_base: Path):
    job = long_job(tmp_path / "run", tiny_base, "end", "windows", frozen_layers=1, cache="on")
    learner = make_learner(job)
    assert ["several sequences" in one for one in learner.prepare()] == [True] and not learner.is_kept
    clean = make_learner(long_job(tmp_path / "clean", tiny_base, "end", "head_tail", frozen_layers=1, cache="on"))
    assert not any("several" in one for one in clean.prepare()) and clean.is_kept


def test_the_second_of_two_texts_has_its_type_in_training_with_kept_states_too(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
):
    typed = shutil.copytree(tiny_base, tmp_path / "typed")
    _with_pairs(typed)
    job = pair_job(tmp_path / "run", typed, "together", frozen_layers=1, cache="on")
    job = dataclasses.replace(job, base=choose(job.recipe, "classify"))
    learner = make_learner(job)
    assert isinstance(learner, EncoderLearner) and learner.model.reading.has_token_types
    list(learner.prepare())
    assert learner.is_kept
    few = [0, 1, 2]
    learner.model.eval()
    kept = learner.logits_of(few).detach().numpy()
    assert kept == pytest.approx(learner._train_logits(few), abs=2e-3)


def _with_pairs(folder: Path) -> None:
    from tokenizers import Tokenizer, processors

    path = str(folder / "tokenizer.json")
    tokenizer = Tokenizer.from_file(path)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(path)

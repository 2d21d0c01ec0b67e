"""The rungs for tags: each does what it says, and none can do what its means do not allow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sintonia.evaluate.ladders.neighbouring_words import facts_of_words, fit_word_model
from sintonia.evaluate.ladders.tag import TagGround, choose_tag_baselines, note_tags, score_tag_baselines
from sintonia.models.open import open_base
from sintonia.tasks import tag
from sintonia.tasks.words import words_of
from tests.tiny import make_tiny_base
from tests.unit.train.tag_jobs import example_of, make_tag_job


@pytest.fixture(scope="module", params=[False, True], ids=["spans", "one a token"])
def scores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[bool, dict[str, float]]:
    folder: Path = tmp_path_factory.mktemp("ladder")
    job = make_tag_job(folder / "run", make_tiny_base(folder / "base"), one_each=request.param)
    ground = TagGround(run=job.run, base=open_base(job.base, 32), train=job.train, primary_metric=job.primary_metric)
    chosen = choose_tag_baselines(ground, job.validation)
    rungs = score_tag_baselines(ground, chosen, job.validation, "validation")
    assert all(len(card.losses) == len(card.predictions) == 40 for _, card in rungs)
    assert {one.name for one in chosen if not one.needs_training} == {"commonest tag"}
    codes = [one.code for one in note_tags(ground, chosen, job.validation)]
    assert codes == ["E340"] if ground.depth == 2 else ["E340", "E341"]
    return request.param, {rung.name: rung.score for rung, _ in rungs}


def test_the_commonest_tag_finds_no_span_and_some_tokens(scores: tuple[bool, dict[str, float]]) -> None:
    one_each, found = scores
    assert 0.3 < found["commonest tag"] < 0.7 if one_each else found["commonest tag"] == 0


def test_memory_knows_words_and_not_where_a_span_begins(scores: tuple[bool, dict[str, float]]) -> None:
    one_each, found = scores
    assert found["memory of words"] == 1.0 if one_each else 0.2 < found["memory of words"] < 0.7


def test_neighbours_tell_where_a_span_begins(scores: tuple[bool, dict[str, float]]) -> None:
    _, found = scores
    assert found["words and neighbours"] > 0.65
    assert found["words and neighbours"] >= found["memory of words"]


def test_the_probe_knows_more_than_the_commonest_tag(scores: tuple[bool, dict[str, float]]) -> None:
    _, found = scores
    assert found["linear probe"] > found["commonest tag"] + 0.2


def test_words_and_neighbours_are_always_fitted_alike_and_learn_a_rule_of_neighbours() -> None:
    texts = [f"{'in' if k % 2 else 'by'} {chr(97 + k % 20)}oma ok" for k in range(200)]
    spans = [[{"start": 3, "end": 7, "label": "LOC"}] if k % 2 else [] for k in range(200)]
    examples = [example_of(text, some) for text, some in zip(texts, spans, strict=True)]
    fitted = tag.fit(examples)
    units = [words_of(text) for text in texts]
    models = [fit_word_model(texts, units, tag.encode(examples, (), fitted, units), 3) for _ in range(2)]
    assert np.array_equal(models[0].weight, models[1].weight)
    said = tag.answers(
        models[0].logits(["in Zara ok", "by Zara ok"], [words_of("in Zara ok")] * 2),
        (),
        fitted,
        [words_of("in Zara ok")] * 2,
    )
    assert said == ("3-7 LOC", "")
    assert facts_of_words("", []).shape[0] == 0

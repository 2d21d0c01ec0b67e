"""The baselines of embeddings, and the scorecard of a saved model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sintonia.evaluate.ladders.embed import EmbedGround, choose_embed_baselines, score_embed_baselines
from sintonia.evaluate.scoring.embeddings import look_for_collapse, score_embedder
from sintonia.models.embeddings.saved import save_embedder
from sintonia.models.once import frozen_features
from sintonia.models.open import open_base
from sintonia.train import Job
from tests.tiny_pairs import make_embed_job


@pytest.fixture(params=[False, True], ids=["positives", "scores"])
def job(request: pytest.FixtureRequest, tmp_path: Path, tiny_base: Path) -> Job:
    return make_embed_job(tmp_path / "run", tiny_base, is_scored=request.param)


def _ground(job: Job) -> EmbedGround:
    return EmbedGround(run=job.run, base=open_base(job.base, 32), train=job.train, primary_metric=job.primary_metric)


def test_words_beat_a_base_that_has_learned_nothing_and_both_beat_nothing(job: Job) -> None:
    ground = _ground(job)
    baselines = choose_embed_baselines(ground, job.validation)
    assert [one.needs_training for one in baselines] == [False, False, True]
    scored = {
        rung.name: rung.score for rung, _ in score_embed_baselines(ground, baselines, job.validation, "validation")
    }
    assert [one.validation_score for one in baselines] == pytest.approx(list(scored.values()))
    assert scored["words alone"] > scored["nothing known"] + 0.3
    assert scored["nothing known"] == pytest.approx(0.0, abs=1e-9) or scored["nothing known"] < 0.3


def test_the_saved_base_scores_as_the_untouched_rung(job: Job, tmp_path: Path) -> None:
    """A rung and a candidate are scored alike: the base, saved as a candidate, gives the same card."""
    ground = _ground(job)
    (card,) = (
        card
        for rung, card in score_embed_baselines(
            ground, choose_embed_baselines(ground, job.validation), job.validation, "validation"
        )
        if rung.name == "untouched base"
    )
    save_embedder(ground.base.model, ground.base.tokenizer, tmp_path / "model", max_tokens=32)
    mine = score_embedder(tmp_path / "model", job.validation, "validation")
    assert np.allclose(mine.losses, card.losses, atol=1e-5) and mine.scores == card.scores
    names = {one.metric for one in mine.scores}
    wanted = {"spearman"} if job.primary_metric == "spearman" else {"ndcg_at_10", "recall_at_1", "recall_at_10"}
    assert names == wanted


def test_a_model_that_collapsed_is_found_out_and_a_whole_one_is_not(job: Job, tmp_path: Path) -> None:
    import torch

    ground = _ground(job)

    def base(texts: Sequence[str]) -> np.ndarray:
        return frozen_features(job.run, ground.base, texts)

    save_embedder(ground.base.model, ground.base.tokenizer, tmp_path / "whole", max_tokens=32)
    assert look_for_collapse(tmp_path / "whole", job.validation, base) == ()
    broken = open_base(job.base, 32)
    last = broken.model.transformer.encoder.layer[-1].output.LayerNorm
    with torch.no_grad():
        last.weight.mul_(0.01)
        last.bias.add_(1.0)
    save_embedder(broken.model, broken.tokenizer, tmp_path / "broken", max_tokens=32)
    (finding,) = look_for_collapse(tmp_path / "broken", job.validation, base)
    assert finding.code == "E330" and finding.severity == "warning"

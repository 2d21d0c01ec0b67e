"""The kinds of training: each a Learner, which the loop drives. A learner saves no checkpoint and prints nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from sintonia.methods import METHODS
from sintonia.train.job import Job
from sintonia.train.learners.learner import Answers, Learner

__all__ = ["Answers", "Learner", "make_learner"]


def make_learner(job: Job) -> Learner:
    """The learner that the task and the method of the recipe need."""
    learner = LEARNERS.get(job.recipe.task, _with_head)(job)
    return learner if job.recipe.privacy.dp.epsilon is None else _made_private(job, learner)


def _made_private(job: Job, learner: Learner) -> Learner:
    from sintonia.train.private import PrivateLearner

    return cast(Learner, PrivateLearner(job, learner))


def _of_conversations(job: Job) -> Learner:
    from sintonia.train.learners.conversation import ConversationLearner

    return ConversationLearner(job)


def _of_embeddings(job: Job) -> Learner:
    from sintonia.train.learners.embedding import EmbeddingLearner

    return EmbeddingLearner(job)


def _of_preferences(job: Job) -> Learner:
    from sintonia.train.learners.preference import PreferenceLearner

    return PreferenceLearner(job)


def _of_tags(job: Job) -> Learner:
    from sintonia.train.learners.tagging import TagEncoderLearner

    return TagEncoderLearner(job)


def _with_head(job: Job) -> Learner:
    from sintonia.train.learners.contrastive import ContrastiveLearner
    from sintonia.train.learners.head import HeadLearner
    from sintonia.train.learners.pooled import EncoderLearner

    if job.recipe.method == "contrastive":
        return ContrastiveLearner(job)
    return EncoderLearner(job) if METHODS[job.recipe.method].trains_encoder else HeadLearner(job)


LEARNERS: dict[str, Callable[[Job], Learner]] = {
    "chat": _of_conversations,
    "embed": _of_embeddings,
    "prefer": _of_preferences,
    "pretrain": _of_conversations,
    "tag": _of_tags,
}
"""The learner of each task that is not learned by an encoder with a head on texts."""

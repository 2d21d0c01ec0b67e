"""The kinds of training: each a Learner, which the loop drives. A learner saves no checkpoint and prints nothing."""

from __future__ import annotations

from sintonia.methods import METHODS
from sintonia.train.job import Job
from sintonia.train.learners.learner import Answers, Learner

__all__ = ["Answers", "Learner", "make_learner"]


def make_learner(job: Job) -> Learner:
    """The learner that the task and the method of the recipe need."""
    if job.recipe.task == "chat":
        from sintonia.train.learners.conversation import ConversationLearner

        return ConversationLearner(job)
    from sintonia.train.learners.pooled import EncoderLearner, HeadLearner

    return EncoderLearner(job) if METHODS[job.recipe.method].trains_encoder else HeadLearner(job)

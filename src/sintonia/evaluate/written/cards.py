"""What was written as scorecards of their own: they may be of fewer examples than those that were weighed."""

from __future__ import annotations

from collections.abc import Sequence

from sintonia.evaluate.ladders.chat import AMONG_KNOWN, AMONG_KNOWN_DESCRIPTION, FEW_SHOT, ZERO_SHOT
from sintonia.evaluate.pooled import Side
from sintonia.evaluate.score import metrics_of, with_scores
from sintonia.evaluate.written.subjects import FITTED, TUNED, Texts
from sintonia.evaluate.written.writing import Said
from sintonia.metrics import METRICS, Metric
from sintonia.records import Example, Rung, Scorecard, Split

_READS = ("texts", "answers")
_DESCRIPTIONS = {
    ZERO_SHOT: "the untouched base, writing after the very prompt that the tuned model gets",
    FEW_SHOT: "the untouched base, writing after a few answered training examples and the prompt",
    AMONG_KNOWN: AMONG_KNOWN_DESCRIPTION,
} | {name: one.description for name, one in FITTED.items()}


def reads_text(metric: Metric, task: str) -> bool:
    """Whether a metric looks at what a language model writes."""
    return metric.reads == "texts" or (metric.reads == "answers" and task == "chat")


def written_scorecard(subject: str, split: Split, examples: Sequence[Example], said: Sequence[Said]) -> Scorecard:
    """The scorecard of written answers; `correct` is whether they match when case, punctuation and spaces do not count.

    It holds no losses: how likely the right answers are is another scorecard's to say.
    """
    targets, texts = tuple(one.target.strip() for one in examples), tuple(one.text for one in said)
    bare = Scorecard(
        subject=subject,
        split=split,
        scores=(),
        ids=tuple(one.id for one in examples),
        targets=targets,
        predictions=texts,
        num_bytes=tuple(len(target.encode()) for target in targets),
        correct=METRICS["normalised_match"].hits(targets, texts),
    )
    return with_scores(bare, examples, [name for name in metrics_of("chat") if METRICS[name].reads in _READS])


def written_side(texts: Texts, examples: Sequence[Example], primary_metric: str) -> Side:
    """All subjects that wrote to the examples; the score of a rung is the primary metric where that reads texts."""
    cards = {name: written_scorecard(name, "test", examples, said) for name, said in texts.items()}
    return Side(
        tuned=cards.pop(TUNED),
        rungs=tuple((_rung(name, card, primary_metric), card) for name, card in cards.items()),
        groups=tuple(one.group for one in examples),
    )


def pool_texts(of_parts: Sequence[Texts]) -> Texts:
    """What the models of several parts wrote, one part after the other; only subjects that wrote in all of them."""
    names = [name for name in of_parts[0] if all(name in texts for texts in of_parts)]
    return {name: tuple(one for texts in of_parts for one in texts[name]) for name in names}


def _rung(name: str, card: Scorecard, primary_metric: str) -> Rung:
    value = next((one.value for one in card.scores if one.metric == primary_metric), card.scores[0].value)
    return Rung(name=name, score=value, needs_training=name in FITTED, description=_DESCRIPTIONS[name])

"""What a saved candidate has forgotten, measured beside its base; and, where it did, how far back it should go.

It reads anchor texts, prompts of the task and validation examples. It changes no file and decides no verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sintonia.evaluate.forgetting.anchors import Anchor, load_anchors
from sintonia.evaluate.forgetting.change import Changed, bits_of, change_of_bits, change_of_pairs
from sintonia.evaluate.forgetting.encoder import find_halves
from sintonia.evaluate.forgetting.language import weigh_anchors
from sintonia.evaluate.forgetting.remedy import Chosen, Ruler, recovered_fraction, search_scale
from sintonia.evaluate.language import Weigher
from sintonia.evaluate.written.writing import drawn_examples
from sintonia.metrics import METRICS
from sintonia.records import Example, Forgetting, Interval, Remedy

if TYPE_CHECKING:
    from sintonia.models.open import OpenBase, OpenCandidate
    from sintonia.models.scaling import Dial, Opened

MOST_PROMPTS = 100
MOST_VALIDATION = {"language": 128, "encoder": 500}
"""Validation examples on which a remedy is chosen; each scale that is tried costs a pass over them."""
MOST_READ_TOKENS = 20_000
"""Of prompts, and of validation examples: a language model reads no more of each, so that long ones take no hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgettingInput:
    """What is measured beside the base."""

    candidate: Path
    """The folder of the candidate."""
    prompts: Sequence[Example] = ()
    """Conversations of the task, validation or opened test, for the divergence of a language model."""
    validation: Sequence[Example] = ()
    """On which a remedy is chosen; without any there is none."""
    primary_metric: str = "accuracy"
    """By which the remedy of a classifier is chosen; that of a language model is by bits per byte."""
    learn: str = "answers"
    """Which tokens of a conversation count on validation."""


def measure_forgetting(base: Opened, asked: ForgettingInput) -> Forgetting:
    """What the candidate in a folder has forgotten of this base, which must be pristine, and a remedy if it is due.

    Where no weight of the base was trained (a head alone) that is nothing, and nothing is computed.

    Raises:
        StorageError: the folder is not a model of ours.
        RunFailed: a loss is not a finite number: the candidate is damaged.
    """
    from sintonia.models.embeddings.saved import OpenEmbedder
    from sintonia.models.language.saved import OpenLanguageModel
    from sintonia.models.scaling import make_dial, open_tuned

    tuned = open_tuned(asked.candidate)
    dial = make_dial(tuned, base)
    is_language = isinstance(tuned, OpenLanguageModel)
    if dial.is_untouched:
        return _nothing("language" if is_language else "encoder")
    of_encoders = _EmbeddingBench if isinstance(tuned, OpenEmbedder) else _EncoderBench
    kind: Any = _LanguageBench if is_language else of_encoders
    bench = kind(base, tuned, asked)
    changed: Changed = bench.changed()
    is_due = changed.severity in ("warning", "serious")
    return Forgetting(
        kind=bench.kind,
        divergence=bench.divergence(),
        anchors=changed.anchors,
        base=changed.base,
        tuned=changed.tuned,
        change=changed.change,
        p_value=changed.p_value,
        severity=changed.severity,
        remedy=_remedy(bench, dial, changed) if is_due and bench.validation else None,
    )


def _nothing(kind: Literal["language", "encoder"]) -> Forgetting:
    return Forgetting(
        kind=kind,
        divergence=0.0 if kind == "language" else None,
        anchors=(),
        base=None,
        tuned=None,
        change=Interval(value=0.0, low=0.0, high=0.0),
        p_value=1.0,
        severity="none",
        is_untouched=True,
    )


class _LanguageBench:
    """A language model and its base, side by side."""

    kind: Literal["language"] = "language"

    def __init__(self, base: Any, tuned: Any, asked: ForgettingInput) -> None:
        self.base, self.tuned, self.asked = base, tuned, asked
        self.weigher = Weigher(tuned, asked.learn)
        self.ruler_metric = METRICS["bits_per_byte"]
        drawn = drawn_examples(asked.validation, MOST_VALIDATION["language"])
        rows = self.weigher.rows(drawn)
        count = num_affordable([len(row.ids) for row in rows])
        pairs = [(one, row) for one, row in zip(drawn[:count], rows, strict=False) if row.num_bytes]
        self.validation, self.rows = [one for one, _ in pairs], [row for _, row in pairs]

    def changed(self) -> Changed:
        anchors = load_anchors()
        nats, num_bytes = weigh_anchors(Weigher(self.base), anchors)
        return change_of_bits(_languages(anchors), nats, weigh_anchors(self.weigher, anchors)[0], num_bytes)

    def divergence(self) -> float | None:
        from sintonia.evaluate.forgetting.divergence import measure_divergence

        contents = [one.whole for one in drawn_examples(self.asked.prompts, MOST_PROMPTS)]
        found = measure_divergence(self.base, self.tuned, contents, MOST_READ_TOKENS) if contents else None
        return None if found is None else found.nats

    def counts(self) -> Any:
        nats, _ = self.weigher.weigh(self.rows)
        pairs = [(float(one), row.num_bytes) for one, row in zip(nats, self.rows, strict=True)]
        return self.ruler_metric.counts(tuple(one.target for one in self.validation), tuple(pairs))

    def on_anchors(self) -> float:
        return bits_of(*weigh_anchors(self.weigher, load_anchors()))


class _EncoderBench:
    """A classifier and the encoder that it was trained from, side by side."""

    kind: Literal["encoder"] = "encoder"

    def __init__(self, base: OpenBase, tuned: OpenCandidate, asked: ForgettingInput) -> None:
        self.base, self.tuned = base, tuned
        self.max_tokens = base.record.max_tokens
        self.ruler_metric = METRICS[asked.primary_metric]
        # Elsewhere no way back is looked for: what a scaled model answers is measured of labels and of embeddings.
        task = getattr(tuned, "task", None)
        is_of_labels = task is None or task.NAME == "classify"
        self.validation = drawn_examples(asked.validation, MOST_VALIDATION["encoder"]) if is_of_labels else []

    def changed(self) -> Changed:
        anchors = load_anchors()
        base, tuned = (
            find_halves(opened.model, opened.tokenizer, self.max_tokens, anchors) for opened in (self.base, self.tuned)
        )
        return change_of_pairs(_languages(anchors), base, tuned)

    def divergence(self) -> None:
        return None

    def counts(self) -> Any:
        import numpy as np

        from sintonia.evaluate.score import bare_scorecard
        from sintonia.models.forward import compute_logits, log_softmax
        from sintonia.models.tokens import tokenize

        texts = [self.tuned.task.inputs(one) for one in self.validation]
        tokens = tokenize(self.tuned.tokenizer, texts, self.tuned.max_tokens, self.tuned.model.reading)
        probabilities = np.exp(log_softmax(compute_logits(self.tuned.model, tokens.ids)))
        card = bare_scorecard("tuned", "validation", self.validation, self.tuned.labels, probabilities)
        return self.ruler_metric.counts(card.targets, self.ruler_metric.answers(card))

    def on_anchors(self) -> float:
        anchors = load_anchors()
        return float(find_halves(self.tuned.model, self.tuned.tokenizer, self.max_tokens, anchors).mean())


class _EmbeddingBench(_EncoderBench):
    """An embedding model and the encoder that it was trained from, side by side."""

    def counts(self) -> Any:
        from sintonia.models.embeddings.answers import answer
        from sintonia.models.embeddings.ranking import Cosines

        tuned: Any = self.tuned
        found = answer(self.validation, lambda texts: Cosines(tuned.features(texts)))
        return self.ruler_metric.counts(tuple(one.target for one in self.validation), found.predictions)


def _remedy(bench: Any, dial: Dial, changed: Changed) -> Remedy:
    """The scale chosen on validation, and what is left of the loss there; the model is turned back at the end."""

    def measure(scale: float) -> Any:
        dial.turn_to(scale)
        return bench.counts()

    ruler = Ruler(metric=bench.ruler_metric, groups=[one.group for one in bench.validation])
    try:
        chosen: Chosen = search_scale(ruler, measure)
        dial.turn_to(chosen.scale)
        anchors = changed.tuned if chosen.scale == 1 else bench.on_anchors()
    finally:
        dial.turn_to(1.0)
    return Remedy(
        scale=chosen.scale,
        validation=chosen.value,
        validation_full=chosen.full_value,
        standard_error=chosen.standard_error,
        anchors=anchors,
        recovered_fraction=recovered_fraction(changed.base, changed.tuned, anchors),
        metric=bench.ruler_metric.name,
        num_validation=len(bench.validation),
    )


def num_affordable(lengths: Sequence[int], most_tokens: int = MOST_READ_TOKENS) -> int:
    """How many of the first rows hold no more tokens than are read, but one at least.

    >>> num_affordable([5, 5, 5], 12), num_affordable([50], 12), num_affordable([], 12)
    (2, 1, 0)
    """
    total = 0
    for count, length in enumerate(lengths):
        total += length
        if total > most_tokens:
            return max(1, count)
    return len(lengths)


def _languages(anchors: Sequence[Anchor]) -> list[str]:
    return [one.language for one in anchors]

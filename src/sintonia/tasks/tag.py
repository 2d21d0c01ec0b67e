"""The task `tag`: labelled spans in a text, or one tag for each of its tokens. It knows targets, loss and answers.

Inside every scheme is BIO over words: outside, a beginning and an inside for each label. Where every token of the
training examples has a tag of its own, a word has one tag and nothing goes on. It knows no tokenizer: where words
stand is given to it, or is asked of the text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sintonia.records import Example
from sintonia.tasks.words import Place, best_paths, words_of

if TYPE_CHECKING:
    from torch import Tensor

NAME = "tag"
IN_WORDS = "tagging words"
HUB_TAG = "token-classification"
BASE: Literal["encoder", "language"] = "encoder"
USUAL_BASE = "minilm"
METHOD = "full"
LEVEL: Literal["text", "token"] = "token"
HAS_CLASSES = False
LONGEST = 256
METRICS: tuple[str, ...] = ("span_f1", "token_accuracy")
MICRO_TOKENS = 4096
"""Most tokens of an encoder computed at once: more falls out of the caches of a laptop."""
PROBE_EXAMPLES = 512
"""Most training examples whose loss is followed in evaluation mode."""

BIO, ONE = "BIO", "one a token"
"""The two ways in which tags are learned (`fitted["scheme"]`)."""
TOKENS, WORDS, PIECES = "tokens", "words", "pieces"
"""What is tagged (`fitted["units"]`): the tokens of the examples, the words of the text, the tokenizer's own pieces."""
NOT_LEARNED = -100
"""Target of a word that no loss is computed of."""
NEVER = -1e9
"""Score of a tag that is not taken: no span begins at a word of which nothing is known."""
MOST_WITHIN_WORDS = 0.005
"""Above this share of training spans that begin or end within a word, pieces are tagged and not words."""

_NARROW = 512

Units = Sequence[Place]


def followed_metric(primary_metric: str) -> str:
    """The metric by which training chooses its best weights: the one that judges."""
    return primary_metric


def full_rate(hidden_size: int) -> tuple[float, str]:
    """The learning rate of all weights: twice that for texts where the base is narrow (science.md 6.2)."""
    rate = 1e-4 if hidden_size < _NARROW else 5e-5
    return rate, f"method full, task tag, base hidden {hidden_size}"


def usual_metric(_is_imbalanced: bool, form: str) -> tuple[str, str]:
    """Token accuracy where the rows hold one tag a token, else strict span F1.

    >>> [usual_metric(False, f"tokens and tags ({scheme})")[0] for scheme in ("one a token", "IOB2")]
    ['token_accuracy', 'span_f1']
    """
    if ONE in form:
        return "token_accuracy", "every token has a tag"
    return "span_f1", "strict: a span counts where its label and both of its ends are right"


def whole_content(asked: Mapping[str, Any], answer: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The text, its tokens where they are given, and its spans."""
    return {**asked, "spans": [dict(one) for one in answer]}


def inputs(example: Example) -> str:
    """The text, in which the places are counted."""
    return str(example.whole["text"])


def fit(examples: Sequence[Example], labels: Sequence[str] = ()) -> dict[str, Any]:
    """What the training targets say: the labels there are, whether each token has one, and what can be tagged.

    `labels` is not asked: a label that no training example has could not be learned.
    """
    counted = Counter(span["label"] for one in examples for span in one.whole["spans"])
    names = sorted(counted)
    has_tokens = bool(examples) and all("tokens" in one.whole for one in examples)
    is_one = has_tokens and all(_is_one_each(one) for one in examples)
    units = TOKENS
    if not has_tokens:
        found = [num_unreachable(one, words_of(inputs(one))) for one in examples]
        units = PIECES if sum(found) > MOST_WITHIN_WORDS * max(counted.total(), 1) else WORDS
    commonest = min(names, key=lambda name: (-counted[name], name)) if names else ""
    return {"scheme": ONE if is_one else BIO, "units": units, "labels": names, "commonest": commonest}


def _is_one_each(example: Example) -> bool:
    spans = [[span["start"], span["end"]] for span in example.whole["spans"]]
    return spans == [list(place) for place in example.whole["tokens"]]


def tag_names(fitted: Mapping[str, Any]) -> tuple[str, ...]:
    """The outputs of the head by name.

    >>> tag_names({"scheme": "BIO", "labels": ["LOC", "PER"]})
    ('O', 'B-LOC', 'B-PER', 'I-LOC', 'I-PER')
    """
    names = fitted["labels"]
    if fitted["scheme"] == ONE:
        return tuple(names)
    return ("O", *(f"B-{name}" for name in names), *(f"I-{name}" for name in names))


def num_outputs(_labels: Sequence[str], fitted: Mapping[str, Any]) -> int:
    """One for each tag."""
    return len(tag_names(fitted))


def units_of(example: Example, fitted: Mapping[str, Any]) -> list[Place] | None:
    """Where stand the words that are tagged; None where the tokenizer says."""
    if fitted["units"] == PIECES:
        return None
    tokens = example.whole.get("tokens") if fitted["units"] == TOKENS else None
    return words_of(inputs(example)) if tokens is None else [(int(start), int(end)) for start, end in tokens]


def places_of(example: Example, fitted: Mapping[str, Any]) -> Sequence[Place]:
    """The same; the words of the text where the tokenizer would say."""
    units = units_of(example, fitted)
    return words_of(inputs(example)) if units is None else units


def num_unreachable(example: Example, units: Units) -> int:
    """How many spans of an example begin or end within a unit, so that no answer can be right."""
    starts, ends = {start for start, _ in units}, {end for _, end in units}
    return sum(span["start"] not in starts or span["end"] not in ends for span in example.whole["spans"])


def encode(
    examples: Sequence[Example],
    labels: Sequence[str],
    fitted: Mapping[str, Any],
    units: Sequence[Units] | None = None,
) -> list[np.ndarray]:
    """The tag of each unit of each example, int64 (units,); NOT_LEARNED for a label that training has not.

    A unit that a span touches is in it; the first one is its beginning. `units` are asked of the text where they
    are not given.
    """
    names = {name: k for k, name in enumerate(tag_names(fitted))}
    places = units or [places_of(one, fitted) for one in examples]
    return [_encoded(one, where, names, fitted) for one, where in zip(examples, places, strict=True)]


def _encoded(example: Example, units: Units, names: Mapping[str, int], fitted: Mapping[str, Any]) -> np.ndarray:
    is_one = fitted["scheme"] == ONE
    tags = np.full(len(units), NOT_LEARNED if is_one else 0, dtype=np.int64)
    starts, ends = [start for start, _ in units], [end for _, end in units]
    begins = 0
    for span in example.whole["spans"]:
        first = max(int(np.searchsorted(ends, span["start"], side="right")), begins)
        behind = int(np.searchsorted(starts, span["end"], side="left"))
        label = span["label"]
        if first < behind:
            tags[first:behind] = names.get(label if is_one else f"I-{label}", NOT_LEARNED)
            tags[first] = names.get(label if is_one else f"B-{label}", NOT_LEARNED)
            begins = behind
    return tags


def loss_sum(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Sum of the negative log-likelihoods of words; logits (words, tags), targets (words,).

    `weights` (words,) is how much each word counts: 1 over the learned words of its example, so that each example
    counts as the mean of its words, however long it is.
    """
    import torch  # late: reading a file needs the task, not torch

    nats = torch.nn.functional.cross_entropy(logits, targets, ignore_index=NOT_LEARNED, reduction="none")
    return nats.sum() if weights is None else (nats * weights).sum()


def losses(logits: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> np.ndarray:
    """Nats a learned word, the mean of each example, float64 (examples,); 0 where nothing is learned."""
    found = np.zeros(len(targets))
    for row, (some, goal) in enumerate(zip(logits, targets, strict=True)):
        is_learned = goal != NOT_LEARNED
        if is_learned.any():
            chances = log_chances(some[is_learned])
            found[row] = -chances[np.arange(len(chances)), goal[is_learned]].mean()
    return found


def log_chances(logits: np.ndarray) -> np.ndarray:
    """Logarithms of probabilities, float64 (words, tags)."""
    wide = np.asarray(logits, dtype=np.float64)
    wide = wide - wide.max(axis=-1, keepdims=True)
    return np.asarray(wide - np.log(np.exp(wide).sum(axis=-1, keepdims=True)))


def answers(
    logits: Sequence[np.ndarray],
    _labels: Sequence[str],
    fitted: Mapping[str, Any],
    units: Sequence[Units],
) -> tuple[str, ...]:
    """The spans that the logits (units, tags) of each example say, as targets are written."""
    return tuple(map(spans_in_words, spans(logits, fitted, units)))


Span = tuple[int, int, str]
"""Start, end, label."""


def spans(
    logits: Sequence[np.ndarray], fitted: Mapping[str, Any], units: Sequence[Units]
) -> tuple[tuple[Span, ...], ...]:
    """The spans of each example: those of the likeliest sequence of tags that is allowed.

    A row without a number is a unit that no token stands for: it takes the tag that its neighbours ask for, and outside
    of all spans none; one tag a token takes the commonest.
    """
    names = fitted["labels"]
    if not names:
        return ((),) * len(units)
    if fitted["scheme"] == ONE:
        return tuple(_one_each(some, where, fitted) for some, where in zip(logits, units, strict=True))
    silent = np.array([0.0, *[NEVER] * len(names), *[0.0] * len(names)])
    scores = [np.where(np.isnan(some), silent, log_chances(some)) for some in logits]
    paths = best_paths(scores, len(names))
    return tuple(tuple(spans_of_path(path, where, names)) for path, where in zip(paths, units, strict=True))


def _one_each(logits: np.ndarray, units: Units, fitted: Mapping[str, Any]) -> tuple[Span, ...]:
    is_silent = np.isnan(logits).any(axis=1)
    best = np.where(is_silent[:, None], 0.0, logits).argmax(axis=1)
    names = [fitted["commonest"] if silent else fitted["labels"][k] for k, silent in zip(best, is_silent, strict=True)]
    return tuple((start, end, name) for (start, end), name in zip(units, names, strict=True))


def spans_of_path(path: Sequence[int] | np.ndarray, units: Units, names: Sequence[str]) -> list[Span]:
    """Start, end and label of the spans of an allowed sequence of BIO tags."""
    found: list[Span] = []
    for tag, (start, end) in zip(path, units, strict=True):
        if 1 <= tag <= len(names):
            found.append((start, end, names[tag - 1]))
        elif tag > len(names):
            found[-1] = (found[-1][0], end, found[-1][2])
    return found


def are_right(said: Sequence[str], examples: Sequence[Example], _fitted: Mapping[str, Any]) -> tuple[bool, ...]:
    """Whether all spans of a text are right, and no other one is there."""
    return tuple(answer == one.target for answer, one in zip(said, examples, strict=True))


def spans_in_words(found: Sequence[Span]) -> str:
    """As targets are written: places and labels on one line, without a word of the text."""
    return ", ".join(f"{start}-{end} {label}" for start, end, label in found)


def constant_logits(targets: Sequence[np.ndarray], _labels: Sequence[str], fitted: Mapping[str, Any]) -> np.ndarray:
    """What somebody says of a word who knows only how common each tag is, float64 (tags,)."""
    known = [goal[goal != NOT_LEARNED] for goal in targets]
    counts = np.bincount(np.concatenate([np.zeros(0, dtype=np.int64), *known]), minlength=len(tag_names(fitted)))
    return np.asarray(np.log((counts + 0.5) / (counts + 0.5).sum()))

"""Of what kinds the validation examples are, and how badly the tuned model answers each: where examples are missing.

It reads training and validation examples only; what a topic is, the frozen base says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from sintonia.adjust.curve import Scored, find_missing
from sintonia.evaluate.inspect.slices import CLASS, LANGUAGE, LENGTH, make_columns
from sintonia.prepare import language_of_each
from sintonia.records import Example, Scorecard, Shortfall

TOPIC = "topic"
_MOST_DETECTED = 5_000
_EXAMPLES_A_TOPIC, _MOST_TOPICS = 40, 12
_WORDS, _LEAST_LETTERS = 3, 4

Sets = tuple[Sequence[Example], Sequence[Example]]
"""Training and validation examples."""


def missing_kinds(
    card: Scorecard, sets: Sets, features: tuple[np.ndarray, np.ndarray] | None, *, is_redacted: bool
) -> tuple[Shortfall, ...]:
    """The kinds of validation examples that the model of this scorecard answers provably worse than the others.

    `features` of training and validation examples, where there are any, make topics; with `is_redacted` no value of a
    column of the data and no word of a text is named.
    """
    train, by_id = sets[0], {one.id: one for one in sets[1]}
    examples = [by_id[one] for one in card.ids]
    detect = language_of_each if len(examples) <= _MOST_DETECTED else None
    columns = dict(make_columns(examples, card, detect))
    if is_redacted:
        columns = {name: values for name, values in columns.items() if name in (LENGTH, CLASS, LANGUAGE)}
    counts = _in_training(columns, train)
    if features is not None:
        in_order = {one.id: number for number, one in enumerate(sets[1])}
        of_card = features[1][[in_order[one] for one in card.ids]]
        columns[TOPIC], counts[TOPIC] = _topics(features[0], of_card, examples, is_redacted=is_redacted)
    return find_missing(_scored(card, examples), columns, counts)


def _in_training(columns: dict[str, Sequence[str]], train: Sequence[Example]) -> dict[str, dict[str, int]]:
    """How many training examples have each value, where that can be read off them."""
    counts = {name: dict(Counter(one.fields.get(name, "") for one in train)) for name in columns}
    for name in (LENGTH, LANGUAGE):
        counts.pop(name, None)
    return counts | {CLASS: dict(Counter(one.target for one in train))}


def _scored(card: Scorecard, examples: Sequence[Example]) -> Scored:
    groups = tuple(one.group for one in examples)
    if card.num_bytes:
        bits = np.array(card.losses) / np.log(2)
        return Scored(errors=bits, sizes=np.array(card.num_bytes, dtype=np.float64), groups=groups)
    wrong = [float(target != said) for target, said in zip(card.targets, card.predictions, strict=True)]
    return Scored(errors=np.array(wrong), sizes=np.ones(len(wrong)), groups=groups)


def _topics(
    train: np.ndarray, validation: np.ndarray, examples: Sequence[Example], *, is_redacted: bool
) -> tuple[list[str], dict[str, int]]:
    """A name of the cluster of each validation example, and how many training examples each has."""
    from sklearn.cluster import KMeans

    count = min(_MOST_TOPICS, len(validation) // _EXAMPLES_A_TOPIC)
    if count < 2:
        return [""] * len(validation), {}
    model: Any = KMeans(n_clusters=count, n_init=4, random_state=0).fit(train)
    of_train, of_validation = model.predict(train), model.predict(validation)
    names = _names([one.input for one in examples], of_validation, count, is_redacted=is_redacted)
    return [names[int(k)] for k in of_validation], {names[k]: int((of_train == k).sum()) for k in range(count)}


def _names(texts: Sequence[str], topics: np.ndarray, count: int, *, is_redacted: bool) -> list[str]:
    """Each topic by the words that are more common in it than elsewhere; by its number where nothing may be told."""
    numbers = [f"number {topic + 1}" for topic in range(count)]
    if is_redacted:
        return numbers
    words = [{word for word in _words(text) if len(word) >= _LEAST_LETTERS} for text in texts]
    everywhere = Counter(word for found in words for word in found)
    for topic in range(count):
        inside = [found for found, number in zip(words, topics, strict=True) if number == topic]
        here = Counter(word for found in inside for word in found)
        share = {
            word: num / max(len(inside), 1) - (everywhere[word] - num) / max(len(texts) - len(inside), 1)
            for word, num in here.items()
        }
        best = sorted(share, key=lambda word: (-share[word], word))[:_WORDS]
        if best:
            numbers[topic] = f"{topic + 1} ({', '.join(best)})"
    return numbers


def _words(text: str) -> list[str]:
    return "".join(letter if letter.isalpha() else " " for letter in text.lower()).split()

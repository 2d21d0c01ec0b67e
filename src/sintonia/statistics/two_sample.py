"""Classifier two-sample test: can a simple model tell which of two sets a text comes from?

It tests and names words; what follows from a difference is not decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FOLDS = 5
MOST_CHARACTERS = 2_000
"""What lies further on in a text is not looked at."""
_MIN_TEXTS_WITH_WORD = 3
_STRENGTH = 3.0
_TOKEN = r"(?u)[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|\w+|[^\w\s]"
"""A word, one sign of a script without spaces, or a mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldApart:
    """How well two sets of texts can be told apart."""

    auc: float
    """0.5: not at all; 1: always. Out of fold."""
    p_value: float
    """Binomial, of the out-of-fold accuracy against 1/2 (Lopez-Paz & Oquab 2017)."""
    num_each: int
    """Texts of each set."""
    words: tuple[str, ...]
    """The words that separate most, strongest first; none with a digit, each in three texts at least."""


def compare_texts(first: Sequence[str], second: Sequence[str], num_words: int = 15, seed: int = 0) -> ToldApart:
    """Tells `first` from `second`, both of the same length and each text independent of the others."""
    if len(first) != len(second) or len(first) < 2 * FOLDS:
        raise ValueError(f"{len(first)} and {len(second)} texts")
    features, names = word_features([*first, *second])
    num_each = len(first)
    is_second = np.repeat([0, 1], num_each)
    generator = np.random.default_rng(seed)
    folds = np.concatenate([generator.permutation(num_each) % FOLDS for _ in range(2)])
    scores = np.zeros(2 * num_each)
    for fold in range(FOLDS):
        model = _fit(features[folds != fold], is_second[folds != fold])
        scores[folds == fold] = model.decision_function(features[folds == fold])
    from scipy.stats import binom, rankdata

    right = int(((scores > 0) == is_second).sum())
    ranks = rankdata(scores)[num_each:].sum() - num_each * (num_each + 1) / 2
    return ToldApart(
        auc=float(ranks / num_each**2),
        p_value=float(binom.sf(right - 1, 2 * num_each, 0.5)),
        num_each=num_each,
        words=_separating(features, names, is_second, num_words),
    )


def word_features(texts: Sequence[str]) -> tuple[Any, np.ndarray]:
    """TF-IDF of words and pairs of words, sparse (texts, words) with unit rows, and the words; digits count as 0."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2),
        token_pattern=_TOKEN,
        min_df=2,
        max_features=20_000,
        sublinear_tf=True,
        dtype=np.float32,
        preprocessor=_folded,
    )
    try:
        features = vectorizer.fit_transform(texts)
    except ValueError:  # no word occurs in two texts: nothing to tell them by
        from scipy.sparse import csr_matrix

        return csr_matrix((len(texts), 1), dtype=np.float32), np.array([""])
    return features, vectorizer.get_feature_names_out()


_DIGITS = str.maketrans("123456789", "0" * 9)


def _folded(text: str) -> str:
    return text[:MOST_CHARACTERS].casefold().translate(_DIGITS)


def _fit(features: Any, is_second: np.ndarray) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_STRENGTH, solver="liblinear", tol=1e-3).fit(features, is_second)


def _separating(features: Any, names: np.ndarray, is_second: np.ndarray, num_words: int) -> tuple[str, ...]:
    """Single words by the weight they have and how often they have it."""
    in_texts = np.asarray((features > 0).sum(axis=0)).ravel()
    weights = np.abs(_fit(features, is_second).coef_[0]) * np.sqrt(in_texts)
    chosen: list[str] = []
    for column in np.argsort(-weights, kind="stable"):
        name = str(names[column])
        if len(chosen) == num_words or weights[column] <= 0:
            break
        if in_texts[column] >= _MIN_TEXTS_WITH_WORD and name.isalpha():
            chosen.append(name)
    return tuple(chosen)

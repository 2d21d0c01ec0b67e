"""Texts by their words, word pairs and pieces of words: the features of the rungs that use no base model.

It fits nothing and scores nothing.
"""

from __future__ import annotations

from typing import Any


def word_features(fewest_texts: int) -> Any:
    """TF-IDF of words and pieces of words, to be fitted; pieces that occur in fewer texts are left out.

    Fitting it raises ValueError where nothing is left.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    pieces = {"analyzer": "char_wb", "ngram_range": (3, 5), "min_df": fewest_texts}
    return make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32),
        TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **pieces),
    )

"""Encoders that tag words: which sub-tokens stand for which words, and a head on the state of each word."""

from sintonia.models.tagging.alignment import Aligned, align, masked
from sintonia.models.tagging.depth import choose_depth, cut_above
from sintonia.models.tagging.head import (
    TokenTagger,
    compute_word_logits,
    learned_words,
    load_tagger,
    save_tagger,
    write_tagger,
)
from sintonia.models.tagging.states import WordStates, fit_word_probe, word_states

__all__ = [
    "Aligned",
    "TokenTagger",
    "WordStates",
    "align",
    "choose_depth",
    "compute_word_logits",
    "cut_above",
    "fit_word_probe",
    "learned_words",
    "load_tagger",
    "masked",
    "save_tagger",
    "word_states",
    "write_tagger",
]

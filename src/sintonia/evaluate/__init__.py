"""Phase 4: models over examples give scorecards; scorecards give a verdict. It opens no sealed test itself."""

from sintonia.evaluate.cautions import no_fitted_note, partly_tried_note
from sintonia.evaluate.judge import JudgeInput, judge
from sintonia.evaluate.ladders import LADDERS, Footing, Ladder
from sintonia.evaluate.ladders.classify import choose_baselines, score_baselines
from sintonia.evaluate.language import score_language
from sintonia.evaluate.pooled import Side, partly_had, pool_cards, pool_rungs
from sintonia.evaluate.predict import (
    answer_texts,
    fit_thresholds,
    fit_to_validation,
    may_have_offsets,
    predict_texts,
    score_candidate,
    score_untempered,
)
from sintonia.evaluate.prompts import prompt_doubts
from sintonia.evaluate.score import metrics_of
from sintonia.evaluate.scoring.embeddings import look_for_collapse
from sintonia.evaluate.validity import invalid_reasons
from sintonia.evaluate.written.cards import pool_texts, reads_text, written_side
from sintonia.evaluate.written.findings import (
    Sizes,
    base_silent,
    nothing_written,
    only_beginnings,
    read_by_both,
    stopped,
    told_sizes,
    too_slow,
    truncated,
    unreadable,
)
from sintonia.evaluate.written.subjects import Texts, fitted_texts, score_writing
from sintonia.evaluate.written.writing import Said, drawn

__all__ = [
    "LADDERS",
    "Footing",
    "JudgeInput",
    "Ladder",
    "Said",
    "Side",
    "Sizes",
    "Texts",
    "answer_texts",
    "base_silent",
    "choose_baselines",
    "drawn",
    "fit_thresholds",
    "fit_to_validation",
    "fitted_texts",
    "invalid_reasons",
    "judge",
    "look_for_collapse",
    "may_have_offsets",
    "metrics_of",
    "no_fitted_note",
    "nothing_written",
    "only_beginnings",
    "partly_had",
    "partly_tried_note",
    "pool_cards",
    "pool_rungs",
    "pool_texts",
    "predict_texts",
    "prompt_doubts",
    "read_by_both",
    "reads_text",
    "score_baselines",
    "score_candidate",
    "score_language",
    "score_untempered",
    "score_writing",
    "stopped",
    "told_sizes",
    "too_slow",
    "truncated",
    "unreadable",
    "written_side",
]

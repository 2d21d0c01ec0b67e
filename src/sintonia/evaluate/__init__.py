"""Phase 4: models over examples give scorecards; scorecards give a verdict. It opens no sealed test itself."""

from sintonia.evaluate.judge import JudgeInput, judge
from sintonia.evaluate.ladders import LADDERS, Footing, Ladder
from sintonia.evaluate.ladders.classify import choose_baselines, score_baselines
from sintonia.evaluate.language import score_language
from sintonia.evaluate.pooled import pool_cards, pool_rungs
from sintonia.evaluate.predict import predict_texts, score_candidate
from sintonia.evaluate.prompts import prompt_doubts
from sintonia.evaluate.validity import invalid_reasons

__all__ = [
    "LADDERS",
    "Footing",
    "JudgeInput",
    "Ladder",
    "choose_baselines",
    "invalid_reasons",
    "judge",
    "pool_cards",
    "pool_rungs",
    "predict_texts",
    "prompt_doubts",
    "score_baselines",
    "score_candidate",
    "score_language",
]

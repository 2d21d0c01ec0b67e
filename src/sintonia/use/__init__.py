"""Finished models answer: opened on demand, kept on a shelf, asked from several threads. It trains and judges nothing,
and prints nothing.
"""

from sintonia.tasks import LANGUAGE_TASKS
from sintonia.use.decoding import ConversationTooLong, Decoding, Piece, TokenChance
from sintonia.use.heads import Answerer, Embedder
from sintonia.use.many import answered
from sintonia.use.shelf import Shelf, base_of, is_model, takes_pairs, task_of
from sintonia.use.speaker import Speaker, Whole
from sintonia.use.writing import Columns, format_of, safe_cell, write_answers

__all__ = [
    "LANGUAGE_TASKS",
    "Answerer",
    "Columns",
    "ConversationTooLong",
    "Decoding",
    "Embedder",
    "Piece",
    "Shelf",
    "Speaker",
    "TokenChance",
    "Whole",
    "answered",
    "base_of",
    "format_of",
    "is_model",
    "safe_cell",
    "takes_pairs",
    "task_of",
    "write_answers",
]

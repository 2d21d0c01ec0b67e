"""A task of one's own: learn how a group of annotators votes on a text, not only what most of them say.

A row is `{"text": "...", "votes": ["joy", "joy", "anger"]}`. The model learns the shares of the votes; its answer is
the label with the largest share, and is judged by what the majority says. Everything else (audit, split, ladder,
verdict, diagnosis, report) is sintonia's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sintonia.prepare.columns import as_text
from sintonia.prepare.forms.form import Form, Match, Parsed, Unusable
from sintonia.prepare.forms.looking import decoded, named, opened, text_in
from sintonia.prepare.table import Row, Table, shown
from sintonia.records import Example
from sintonia.tasks.classify import followed_metric, readable, usual_metric  # as for any labels

__all__ = ["followed_metric", "readable", "usual_metric"]

NAME, IN_WORDS, HUB_TAG = "votes", "how annotators vote", "text-classification"
BASE, USUAL_BASE, METHOD, LEVEL = "encoder", "minilm", "full", "text"
METRICS = ("accuracy", "macro_f1")
MICRO_TOKENS, PROBE_EXAMPLES, LONGEST = 4096, 512, 256
HAS_CLASSES = True

_ROLES = {"input": ("text", "sentence", "testo", "frase"), "target": ("votes", "annotations", "labels", "voti")}


def _recognise(table: Table, asked: Mapping[str, str]) -> Match | None:
    text = named(table, "input", _ROLES["input"], asked)
    votes = named(table, "target", _ROLES["target"], asked)
    if not text or not votes or not any(isinstance(one, list) for one in opened(table, votes)):
        return None
    why = f"columns: `{shown(text)}` is the input, `{shown(votes)}` holds the votes on it"
    return Match(form=FORM.name, confidence=0.95, columns={"input": text, "target": votes}, why=(why,))


def _parse(row: Row, columns: Mapping[str, str]) -> Parsed:
    text, given = text_in(row.values, columns["input"]), decoded(row.values.get(columns["target"]))
    votes = tuple(as_text(one) or "" for one in given) if isinstance(given, list) else ()
    if not votes or not all(votes):
        raise Unusable(f"`{shown(columns['target'])}` is not a list of labels")
    (most, count), *others = Counter(votes).most_common()
    if others and others[0][1] == count:
        raise Unusable("no label has the most votes")
    return Parsed(input=text, target=list(votes), text=text, answer=most, votes=votes)


FORM = Form(name="text and votes", task=NAME, roles=_ROLES, recognise=_recognise, parse=_parse)
FORMS = (FORM,)


def whole_content(_asked: Any, answer: Any) -> dict[str, Any]:
    """All votes; the majority alone is the target of an example."""
    return {"votes": list(answer)}


def inputs(example: Example) -> str:
    """The text."""
    return example.input


def fit(_examples: Sequence[Example], _labels: Sequence[str]) -> dict[str, Any]:
    """Nothing is to be known beforehand."""
    return {}


def num_outputs(labels: Sequence[str], _fitted: Mapping[str, Any]) -> int:
    """One for each label."""
    return len(labels)


def encode(examples: Sequence[Example], labels: Sequence[str], _fitted: Mapping[str, Any]) -> np.ndarray:
    """The share of the votes that each label has, float32 (examples, labels); votes for unknown labels do not count."""
    shares = np.zeros((len(examples), len(labels)), dtype=np.float32)
    position = {label: k for k, label in enumerate(labels)}
    for row, one in zip(shares, examples, strict=True):
        for vote in (one.content or {"votes": [one.target]})["votes"]:
            if vote in position:
                row[position[vote]] += 1
    return shares / np.maximum(shares.sum(axis=1, keepdims=True), 1.0)


def loss_sum(logits: Any, targets: Any, weights: Any = None) -> Any:
    """Cross-entropy against the shares."""
    import torch

    return torch.nn.functional.cross_entropy(logits, targets, weights, reduction="sum")


def losses(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The same of each example, in nats."""
    wide = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return -(targets * (wide - np.log(np.exp(wide).sum(axis=1, keepdims=True)))).sum(axis=1)


def answers(logits: np.ndarray, labels: Sequence[str], _fitted: Mapping[str, Any]) -> tuple[str, ...]:
    """The label with the largest share."""
    return tuple(labels[int(k)] for k in logits.argmax(axis=1))


def are_right(said: Sequence[str], examples: Sequence[Example], _fitted: Mapping[str, Any]) -> tuple[bool, ...]:
    """Whether the majority says so too."""
    return tuple(answer == one.target for answer, one in zip(said, examples, strict=True))


def constant_logits(targets: np.ndarray, _labels: Sequence[str], _fitted: Mapping[str, Any]) -> np.ndarray:
    """How common each vote is."""
    return np.log(targets.astype(np.float64).mean(axis=0) + 1e-6)

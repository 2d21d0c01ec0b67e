"""Rung B7 of science.md 1.5: few examples a class are compared with each other, then a probe is fitted.

Fits see training rows only. An encoder is tuned once for a training set and kept in the run's `cache/` in half
precision, so that validation and test are answered by the same weights. It opens no base and knows no other rung.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from sintonia.errors import StorageError
from sintonia.files import write_atomic
from sintonia.methods.contrastive import BATCH_EXAMPLES, CONTRASTIVE, MOST_EXAMPLES
from sintonia.models.contrastive import Fit, tuned_encoder
from sintonia.models.forward import log_softmax
from sintonia.models.once import frozen_features
from sintonia.models.open import OpenBase
from sintonia.models.pooled import PooledEncoder
from sintonia.models.probe import fit_probe
from sintonia.models.tokens import MARKS, tokenize
from sintonia.records import Example
from sintonia.runs import RunFolder
from sintonia.tasks import HeadTask

NAME = "contrastive tuning"
DESCRIPTION = "the base tuned by comparing the training examples with each other, then logistic regression"
_WORDS = "words"
_FEWEST = 2
"""Examples of some label, without which there are no two to compare."""


class Ground(Protocol):
    """What the rung stands on: the pristine base and the training set."""

    @property
    def run(self) -> RunFolder: ...
    @property
    def base(self) -> OpenBase: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def train(self) -> tuple[Example, ...]: ...
    @property
    def task(self) -> HeadTask: ...
    def train_targets(self) -> np.ndarray: ...


def is_meant_for(train: Sequence[Example], method: str) -> bool:
    """Whether the rung is worth its training: few examples of every label, and the candidate not tuned the same way."""
    counts = Counter(one.target for one in train).values()
    is_few = len(counts) > 1 and _FEWEST <= max(counts) <= MOST_EXAMPLES
    return is_few and method != CONTRASTIVE.name


def scores(ground: Ground, strength: float, examples: Sequence[Example]) -> np.ndarray:
    """Probabilities (examples, labels) by a probe of that strength on the tuned features."""
    tuned = _tuned_base(ground)

    def features(some: Sequence[Example]) -> np.ndarray:
        return frozen_features(ground.run, tuned, [ground.task.inputs(one) for one in some])

    probe = fit_probe(features(ground.train), ground.train_targets(), len(ground.labels), strength)
    return np.asarray(np.exp(log_softmax(probe.logits(features(examples)))))


def _tuned_base(ground: Ground) -> OpenBase:
    """The base with the weights that were tuned; it goes by a name of its own, for features are kept by it."""
    base, texts = ground.base, [ground.task.inputs(one) for one in ground.train]
    rate, _ = CONTRASTIVE.learning_rate("encoder", base.model.hidden_size)
    fit = Fit(learning_rate=rate, passes=CONTRASTIVE.passes(len(texts), BATCH_EXAMPLES))
    how = (base.record.revision, base.max_tokens, base.model.reading, fit)
    digest = hashlib.sha256(repr(how).encode())
    for text, one in zip(texts, ground.train, strict=True):
        digest.update(repr((text, one.target)).encode())
    name = digest.hexdigest()[:32]
    path = ground.run.file(f"cache/contrastive-{name}.safetensors")
    rows = tokenize(base.tokenizer, texts, base.max_tokens, base.model.reading).ids
    used = torch.tensor(sorted({token for row in rows for token in row} - set(MARKS)))
    if not path.is_file():
        tuned = tuned_encoder(base, texts, ground.train_targets(), fit)
        write_atomic(path, save({key: value.half() for key, value in _changed(tuned, used).items()}))
    return dataclasses.replace(
        base,
        model=_with_weights(base, path, used),
        record=dataclasses.replace(base.record, revision=f"contrastive {name}"),
    )


def _changed(model: PooledEncoder, used: torch.Tensor) -> dict[str, torch.Tensor]:
    """All weights, of the word vectors only those of tokens that are used: the others were not taught anything."""
    words = model.transformer.get_input_embeddings().weight
    found = {name: value.detach() for name, value in model.named_parameters() if value is not words}
    return {**found, _WORDS: words.detach()[used]}


def _with_weights(base: OpenBase, path: Path, used: torch.Tensor) -> PooledEncoder:
    """A copy of the base with the weights of a file.

    Raises:
        StorageError: the file is damaged; it is thrown away.
    """
    model: PooledEncoder = copy.deepcopy(base.model)
    words = model.transformer.get_input_embeddings().weight
    try:
        values = load(path.read_bytes())
        whole = words.detach().clone()
        whole[used] = values.pop(_WORDS).float()
        for name, weight in model.named_parameters():
            weight.data.copy_(whole if weight is words else values[name])
    except (SafetensorError, KeyError, RuntimeError) as error:
        path.unlink()
        raise StorageError(f"`{path}` is damaged: {error}", hint="`sintonia resume` computes it again") from None
    model.eval()
    return model

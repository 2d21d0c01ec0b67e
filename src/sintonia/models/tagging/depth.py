"""How many layers of a base a tagger keeps: those up to the one whose states tell words apart best.

The highest layers of an encoder that was made to compare texts know the text and no longer the word, so that a head on
them begins far behind one on a lower layer (Peters et al. 2018 and Tenney et al. 2019 say the same of other encoders).
What is above is left out, in training and in use. It is chosen on training rows alone. Nothing here trains the base.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from sintonia.files import write_json
from sintonia.models.frozen.freezing import layers_of
from sintonia.models.open import OpenBase
from sintonia.models.probe import fit_probe
from sintonia.models.tagging.alignment import Aligned
from sintonia.models.tagging.head import TokenTagger, compute_word_states
from sintonia.runs import RunFolder
from sintonia.tasks.tag import NOT_LEARNED, losses

MOST_WORDS = 4_000
"""Words of training texts that are looked at, at most: whole texts are drawn until there are so many."""
LEAST_TEXTS = 20
"""With fewer texts nothing is left out: a fifth of them would say nothing."""
_HELD_OUT = 5
_STRENGTH = 0.1


def num_separate(transformer: Any) -> int:
    """How many layers can be left out one by one; 0 where layers share their weights or are not found."""
    layers, settings = layers_of(transformer), getattr(transformer, "config", None)
    return len(layers) if len(layers) == getattr(settings, "num_hidden_layers", None) else 0


def cut_above(transformer: Any, depth: int) -> None:
    """Leaves the layers above the lowest `depth` out, for good, and says so in the settings of the model."""
    if not 0 < depth < num_separate(transformer):
        return
    del layers_of(transformer)[depth:]
    settings = transformer.config
    settings.num_hidden_layers = depth
    if isinstance(getattr(settings, "layer_types", None), list):
        settings.layer_types = settings.layer_types[:depth]


@contextmanager
def lowest_layers(transformer: Any, depth: int) -> Iterator[None]:
    """The same for a while."""
    layers = layers_of(transformer)
    above = list(layers[depth:]) if 0 < depth < num_separate(transformer) else []
    if above:
        del layers[depth:]
    try:
        yield
    finally:
        layers.extend(above)


def choose_depth(run: RunFolder, base: OpenBase, words: Aligned, targets: Sequence[np.ndarray], num_tags: int) -> int:
    """The number of lowest layers whose states a probe reads best, of the upper half; the same whenever it is asked.

    The probe is fitted on four fifths of some training texts and weighed on the others, by nats a word. What was found
    is kept in the run, so that a resumed training finds the same.
    """
    most = num_separate(base.model.transformer)
    if most < 2:
        return base.record.num_layers
    digest = hashlib.sha256(f"depth {base.record.revision} {num_tags}".encode())
    for numbers in (*words.windows, *(goal.tolist() for goal in targets)):
        digest.update(np.array([len(numbers), *numbers], dtype=np.int64).tobytes())
    path = run.file(f"cache/depth-{digest.hexdigest()[:32]}.json")
    if path.is_file():
        return int(json.loads(path.read_text(encoding="utf-8"))["layers"])
    drawn = _drawn(targets)
    depth = most
    if len(drawn) >= LEAST_TEXTS:
        nats = {one: _nats(base, words.only(drawn), [targets[k] for k in drawn], one) for one in _upper(most)}
        depth = min(nats, key=lambda one: (round(nats[one], 6), -one))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"layers": depth})
    return depth


def _upper(num_layers: int) -> range:
    return range(max(1, num_layers // 2), num_layers + 1)


def _drawn(targets: Sequence[np.ndarray]) -> list[int]:
    drawn, count = list[int](), 0
    for k in np.random.default_rng(0).permutation(len(targets)).tolist():
        if count < MOST_WORDS and (targets[k] >= 0).any():
            drawn.append(k)
            count += len(targets[k])
    return drawn


def _nats(base: OpenBase, words: Aligned, targets: Sequence[np.ndarray], depth: int) -> float:
    """What a probe of so many layers says of texts that it did not see: nats a word, the mean of the texts."""
    tagger = TokenTagger(base.model.transformer, base.model.hidden_size)
    with lowest_layers(base.model.transformer, depth):
        states = compute_word_states(tagger, words)
    fitted, held_out = (
        [k for k in range(len(targets)) if (k % _HELD_OUT == 0) == is_held_out] for is_held_out in (False, True)
    )
    goal = np.concatenate([targets[k] for k in fitted])
    rows = np.concatenate([states[k] for k in fitted])[goal >= 0]
    known = np.unique(goal[goal >= 0])
    if len(known) < 2:
        return 0.0
    scale = np.float32(1.0 / np.sqrt(max(float(np.square(rows).mean()), 1e-12)))
    probe = fit_probe(rows * scale, goal[goal >= 0], int(known[-1]) + 1, _STRENGTH)
    asked = [np.where(np.isin(targets[k], known), targets[k], NOT_LEARNED) for k in held_out]
    said = [probe.logits(states[k] * scale) for k in held_out]
    return float(losses(said, asked).mean())

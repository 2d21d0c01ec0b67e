"""How exposed planted secrets are under a saved candidate, and which rows a model writes out. It trains nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.corridor.canaries.planting import NUM_REFERENCES, REPETITIONS, Secret
from sintonia.evaluate.language import Weigher
from sintonia.evaluate.written.writing import Said, prompts_of, tokens_to_give, write, write_candidate
from sintonia.models.answering import logits_of
from sintonia.models.open import open_candidate
from sintonia.privacy.memorisation import exposure, mean_with_low, null_threshold
from sintonia.records import Example
from sintonia.records.privacy.memorisation import Exposed, Verbatim
from sintonia.tasks.classify import encode_targets, losses
from sintonia.tasks.classify import inputs as texts_of

_TRIED = 256
"""References of a classifier whose losses are measured to tell how long all take."""

Losses = Callable[[Sequence[Example]], np.ndarray]


def losses_by(weights: Path, learn: str, *, is_language: bool) -> Losses:
    """The losses that a saved candidate has on rows that tell numbers of one name: nats of the label, or of the number
    alone."""
    if is_language:
        from sintonia.models.language.saved import open_language_candidate

        weigher = Weigher(open_language_candidate(weights), learn)
        return lambda rows: _of_conversations(weigher, rows)
    candidate = open_candidate(weights)

    def of_labels(rows: Sequence[Example]) -> np.ndarray:
        logits = logits_of(candidate, [texts_of(one) for one in rows])
        return losses(logits, encode_targets([one.target for one in rows], candidate.labels))

    return of_labels


def _of_conversations(weigher: Weigher, rows: Sequence[Example]) -> np.ndarray:
    """Nats of what distinguishes conversations that begin and end alike; the digits they share are computed once."""
    from sintonia.models.language.generate import can_branch, nats_of_endings, num_shared

    ids = [one.ids for one in weigher.rows(rows)]
    causal = weigher.opened.causal
    if not can_branch(causal):
        return weigher.weigh(weigher.rows(rows))[0]
    start, end = num_shared(ids), num_shared([one[::-1] for one in ids])
    return np.array(nats_of_endings(causal, ids[0][:start], [one[start : len(one) - end] for one in ids]))


def seconds_a_secret(measure: Losses, secret: Secret, *, is_language: bool) -> float:
    """What weighing one secret takes on this machine, by what is measured and thrown away."""
    rows = secret.references()
    tried = rows if is_language else rows[:_TRIED]
    measure(rows[:8])  # what is loaded at first is no pace
    began = time.monotonic()
    measure(tried)
    return (time.monotonic() - began) * len(rows) / len(tried)


def weigh_secrets(measure: Losses, secrets: Sequence[Secret], tell: Callable[[str], None]) -> tuple[Exposed, ...]:
    """The exposure of each number of repetitions: where the number that was planted ranks among all that could be."""
    found = []
    for repetitions in REPETITIONS:
        alike = [one for one in secrets if one.repetitions == repetitions]
        tell(f"{len(alike)} secrets planted {repetitions} times against {NUM_REFERENCES:,} references each")
        bits = []
        for one in alike:
            nats = measure(one.references())
            bits.append(exposure(float(nats[one.number]), np.delete(nats, one.number)))
        mean, low = mean_with_low(bits)
        found.append(
            Exposed(
                repetitions=repetitions,
                num_secrets=len(alike),
                mean_bits=mean,
                low_bits=low,
                is_remembered=mean > null_threshold(len(alike)),
            )
        )
    return tuple(found)


def write_out(base: Any, weights: Path, rows: Sequence[Example], held_out: Sequence[Example]) -> Verbatim:
    """Training rows and rows never seen, each asked with all that stands before its last answer; the likeliest token is
    taken each time. Written exactly is what has the same characters, blanks at the ends aside."""
    from sintonia.models.language.saved import open_language_candidate

    everything = [*rows, *held_out]
    new_tokens = max(1, tokens_to_give(prompts_of(base, everything, 1)))
    prompts = prompts_of(base, everything, new_tokens)
    asked = [k for k, one in enumerate(prompts) if one and one.is_whole and everything[k].target.strip()]
    ids = [prompt.ids for k in asked for prompt in [prompts[k]] if prompt]
    by_base = _are_exact(write(base, ids, new_tokens), [everything[k] for k in asked])
    by_tuned = _are_exact(
        write_candidate(open_language_candidate(weights), ids, new_tokens), [everything[k] for k in asked]
    )
    is_row = np.array([k < len(rows) for k in asked], dtype=bool)
    is_beyond = by_tuned & ~by_base
    return Verbatim(
        num_asked=int(is_row.sum()),
        num_exact=int((by_tuned & is_row).sum()),
        num_exact_base=int((by_base & is_row).sum()),
        num_beyond_base=int((is_beyond & is_row).sum()),
        num_held_out=int((~is_row).sum()),
        num_exact_held_out=int((is_beyond & ~is_row).sum()),
        exact_ids=tuple(everything[asked[k]].id for k in np.flatnonzero(is_beyond & is_row)),
    )


def _are_exact(said: Sequence[Said], examples: Sequence[Example]) -> np.ndarray:
    return np.array(
        [one.text.strip() == row.target.strip() for one, row in zip(said, examples, strict=True)], dtype=bool
    )

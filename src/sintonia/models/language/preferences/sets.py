"""A set of pairs or single ratings as a language model reads it, and what the untouched base gives the answers.

Trained and saved models are weighed by the same code. It opens no model and keeps no file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from sintonia.errors import DataError
from sintonia.models.language.preferences.bundles import Bundle, bundles_of, mismatched, token_counts
from sintonia.models.language.preferences.rule import Known, Rule, divergence_of, margins
from sintonia.models.language.preferences.weighing import BundleEngine, Lower
from sintonia.models.language.template import Template
from sintonia.records import Example
from sintonia.tasks.prefer import OF_SINGLE_RATINGS, is_pair

Weigh = Callable[[Sequence[Bundle]], np.ndarray]
"""Nats of each column, float64 (bundles, columns)."""


class PreferenceSet:
    """Examples as bundles, but for those of which nothing is left of an answer."""

    def __init__(self, template: Template, max_tokens: int, examples: Sequence[Example], rule: Rule) -> None:
        self.rule, self.num_examples = rule, len(examples)
        contents = [one.whole for one in examples]
        made = bundles_of(template, contents, max_tokens, has_rest=rule.has_rest)
        self.learnable = [position for position, bundle in enumerate(made) if bundle.is_learnable]
        """Which of the examples the bundles are."""
        self.bundles = [made[position] for position in self.learnable]
        kept = [contents[position] for position in self.learnable]
        counts = torch.from_numpy(token_counts(self.bundles)) if kept else torch.zeros(0, 1, dtype=torch.int64)
        is_single = bool(kept) and not is_pair(kept[0])
        ratings = torch.tensor([bool(one["is_desirable"]) for one in kept]) if is_single else None
        self.known = Known(base=torch.zeros(counts.shape, dtype=torch.float64), num_tokens=counts, is_wanted=ratings)
        self.apart: list[Bundle] = []
        """Where KTO asks: the prompt of each bundle with the answers of another, where something is left of these."""
        self._apart_of: dict[int, int] = {}
        self._apart_base = np.zeros((0, counts.shape[1]))
        if rule.loss == OF_SINGLE_RATINGS:
            others = bundles_of(template, mismatched(kept), max_tokens)
            able = [position for position, bundle in enumerate(others) if bundle.is_learnable]
            self.apart = [others[position] for position in able]
            self._apart_of = {position: number for number, position in enumerate(able)}
            self._apart_base = np.zeros((len(able), counts.shape[1]))

    @property
    def num_passed_over(self) -> int:
        """Examples that are none of the bundles."""
        return self.num_examples - len(self.bundles)

    def ask_base(self, weigh: Weigh) -> None:
        """Keeps what the untouched base gives the answers, where the loss asks for it."""
        if not self.rule.needs_base or not self.bundles:
            return
        self.known = replace(self.known, base=torch.from_numpy(weigh(self.bundles)))
        if self.apart:
            self._apart_base = weigh(self.apart)

    def divergence(self, engine: BundleEngine, which: Sequence[int]) -> float:
        """How far the model is from the base, by the answers of others behind the prompts of these bundles."""
        numbers = [self._apart_of[position] for position in which if position in self._apart_of]
        if not numbers:
            return 0.0
        nats = engine.weigh_bundles([self.apart[number] for number in numbers])
        return divergence_of(torch.from_numpy(nats), torch.from_numpy(self._apart_base[numbers]))

    def margins(
        self,
        engine: BundleEngine,
        which: Sequence[int],
        *,
        divergence: float = 0.0,
        lower: tuple[Lower, int] = (None, 0),
    ) -> np.ndarray:
        """By how much each of these bundles is preferred, or wanted, float64 (bundles,)."""
        chosen = [self.bundles[position] for position in which]
        nats = torch.from_numpy(engine.weigh_bundles(chosen, *lower))
        found: np.ndarray = margins(self.rule, nats, self.known.of(list(which)), divergence).numpy()
        return found

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values of all bundles, as values of all examples: 0 for those that are none."""
        found = np.zeros(self.num_examples)
        found[self.learnable] = values
        return found


def are_single(examples: Sequence[Example]) -> bool:
    """Whether examples are single ratings, and not pairs.

    Raises:
        DataError: some are of one kind, some of the other.
    """
    kinds = {is_pair(one.whole) for one in examples}
    if len(kinds) > 1:
        raise DataError(
            "some rows have two answers, some have one with a rating",
            expected="a file of pairs, or a file of single ratings",
        )
    return kinds == {False}


def surprises(margins_of_examples: np.ndarray, is_yes: Sequence[bool]) -> np.ndarray:
    """Nats of the right answer, when the sigmoid of a margin is how likely yes is; float64 (examples,)."""
    signs = np.where(is_yes, 1.0, -1.0)
    return np.asarray(np.logaddexp(0.0, -signs * margins_of_examples))

"""Log-likelihoods of bundles of rows, and the gradients of whatever loss is made of them.

The prompt of a bundle is computed once, and so is what the bundles of a group begin with alike; both are exact, and off
where chance plays a part. The reference is transformers' own forward pass over every row for itself.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from collections.abc import Sequence as Several
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor

from sintonia.models.language.batches import Flat, Sequence, full_groups
from sintonia.models.language.fused.prefix import LEAST_SAVED_TOKENS
from sintonia.models.language.losses import Engine, _has_dropout
from sintonia.models.language.plain import _recomputing, evaluating
from sintonia.models.language.preferences.bundles import Bundle, Tree, common_length, tree_of
from sintonia.models.language.preferences.likelihood import weighable_nats

Loss = Callable[[Tensor, list[int]], Tensor]
"""(nats of some bundles, float64 (bundles, columns); which they are) to their part of the loss, which sums up."""
Lower = Several[Several[Tensor]] | None
"""Of each bundle, of each row, the states (tokens, width) after the lowest layers."""


class BundleEngine(Engine):
    """An engine that computes bundles as well."""

    def learn_bundles(self, bundles: Several[Bundle], loss: Loss, lower: Lower = None, num_lower: int = 0) -> float:
        """Adds to `.grad` the gradient of the loss, computed in groups; gives its sum.

        When the loss is not finite it is returned at once, and what `.grad` holds is of no use.
        """
        trees = self._trees(bundles, is_learning=True)
        total = 0.0
        for group in self._bundle_groups(trees, bundles):
            with self._recomputed(bundles[group[0]]):
                nats = self._bundle_nats(
                    [bundles[k] for k in group], [trees[k] for k in group], _of(lower, group), num_lower
                )
                part = loss(nats, group)
                total += float(part.detach())
                if not math.isfinite(total):
                    return math.nan
                if part.requires_grad:
                    part.backward()
        return total

    @torch.no_grad()
    def weigh_bundles(self, bundles: Several[Bundle], lower: Lower = None, num_lower: int = 0) -> np.ndarray:
        """Nats of each column of each bundle in evaluation mode, float64 (bundles, columns)."""
        if not bundles:
            return np.zeros((0, 0))
        found = np.zeros((len(bundles), len(bundles[0].num_tokens)))
        with evaluating(self.causal):
            trees = self._trees(bundles, is_learning=False)
            for group in self._bundle_groups(trees, bundles):
                chosen = [bundles[k] for k in group]
                nats = self._bundle_nats(chosen, [trees[k] for k in group], _of(lower, group), num_lower)
                found[group] = nats.cpu().numpy()
        return found

    def _trees(self, bundles: Several[Bundle], *, is_learning: bool) -> list[Tree]:
        shares = self.shares_prefix and not (is_learning and _has_dropout(self.causal))
        return [tree_of(bundle, shares=shares) for bundle in bundles]

    def _bundle_groups(self, trees: Several[Tree], bundles: Several[Bundle]) -> list[list[int]]:
        if self._fuses(bundles):
            return full_groups([tree.num_tokens for tree in trees], self.micro_tokens)
        sizes = [len(bundle.rows) * max(len(row.ids) for row in bundle.rows) for bundle in bundles]
        return full_groups(sizes, self.micro_tokens)

    def _fuses(self, bundles: Several[Bundle]) -> bool:
        if self._fused is None:
            return False
        window = self._fused.window
        return window is None or max(len(row.ids) for bundle in bundles for row in bundle.rows) <= window

    def _recomputed(self, bundle: Bundle) -> AbstractContextManager[None]:
        """The fused path recomputes by itself."""
        is_needed = self.uses_checkpoints and not self._fuses([bundle])
        return _recomputing(self.causal, True) if is_needed else contextlib.nullcontext()

    def _bundle_nats(self, bundles: Several[Bundle], trees: Several[Tree], lower: Lower, num_lower: int) -> Tensor:
        fused = self._fused
        if fused is not None and self._fuses(bundles):
            grove = Grove(trees, shares=self.shares_prefix and not _is_apart(trees))
            states = None if lower is None else (num_lower, self._ready(grove.gathered(lower)))
            flat = grove.flat(self.plain.device)
            hidden = fused.hidden(flat, None, states)
            nats = self._nats_of(hidden[grove.picks.to(hidden.device)], flat.targets)
        else:
            grove = Grove([tree_of(bundle, shares=False) for bundle in bundles], shares=False)
            nats = self._plain_nats(grove)
        sums = nats.new_zeros(len(bundles) * grove.num_columns, dtype=torch.float64)
        places, owners = (one.to(nats.device) for one in grove.uses)
        return sums.index_add(0, owners, nats.double()[places]).view(len(bundles), -1)

    def _nats_of(self, hidden: Tensor, targets: Tensor) -> Tensor:
        return (
            weighable_nats(self._head, hidden, targets)
            if torch.is_grad_enabled()
            else self._head.judge(hidden, targets).nats
        )

    def _plain_nats(self, grove: Grove) -> Tensor:
        sequences = grove.sequences()
        if self._head is None:
            return self.plain._from_logits(sequences)[0]
        return self._nats_of(self.plain._hidden(sequences), self.plain._targets(sequences))


class Grove:
    """Trees of one group laid end to end, behind what their stems begin with alike."""

    def __init__(self, trees: Several[Tree], *, shares: bool) -> None:
        self.trees = trees
        self.num_before = _num_before(trees) if shares else 0
        self.num_columns = trees[0].num_columns
        starts = np.cumsum([self.num_before, *(tree.num_tokens - self.num_before for tree in trees)])
        found = [
            (int(start) + place - self.num_before, target, number, owners)
            for number, (start, tree) in enumerate(zip(starts, trees, strict=False))
            for place, target, owners in tree.predictions
        ]
        self._places = sorted({place for place, *_ in found})
        self._targets = [target for _, target, *_ in found]
        numbers = {place: number for number, place in enumerate(self._places)}
        self.picks = torch.tensor([numbers[place] for place, *_ in found])
        """For each prediction, which of the states that predict it is made from."""
        pairs = [
            (k, number * self.num_columns + owner) for k, (*_, number, owners) in enumerate(found) for owner in owners
        ]
        self.uses = torch.tensor(pairs).T
        """(2, uses): a prediction, and the column (of all bundles, one after the other) that it counts in."""

    def flat(self, device: torch.device) -> Flat:
        """What the fused decoder reads."""
        before = self.num_before
        ids, positions = list(self.trees[0].stem[:before]), list(range(before))
        for tree in self.trees:
            ids += tree.stem[before:]
            positions += range(before, len(tree.stem))
            for branch in tree.branches:
                ids += branch
                positions += range(len(tree.stem), len(tree.stem) + len(branch))
        trees = tuple((len(tree.stem) - before, *map(len, tree.branches)) for tree in self.trees)
        lengths = (before, *map(sum, trees)) if before else tuple(map(sum, trees))
        made = [torch.tensor(numbers, device=device) for numbers in (ids, positions, self._places, self._targets)]
        return Flat(made[0], made[1], lengths, made[2], made[3], before, trees)

    def gathered(self, lower: Several[Several[Tensor]]) -> Tensor:
        """States that are kept by row, in the order of `flat`."""
        parts = [lower[0][0][: self.num_before]]
        for tree, rows in zip(self.trees, lower, strict=True):
            parts.append(rows[0][self.num_before : len(tree.stem)])
            parts += [row[len(tree.stem) :] for row in rows]
        return torch.cat(parts)

    def sequences(self) -> list[Sequence]:
        """Each branch as a row for itself: for trees without stems."""
        found = []
        for number, tree in enumerate(self.trees):
            start = 0
            for branch in tree.branches:
                end = start + len(branch)
                there = [(place - start, target) for place, target, _ in tree.predictions if start <= place < end]
                places, targets = zip(*there, strict=True)
                found.append(Sequence(number, branch, places, targets))
                start = end
        return found


def _num_before(trees: Several[Tree]) -> int:
    """Length of what all stems begin with and nothing is predicted from, where it is worth the trouble."""
    most = min(tree.predictions[0][0] for tree in trees)
    found = min(most, common_length(tree.stem for tree in trees))
    return found if found * (len(trees) - 1) >= LEAST_SAVED_TOKENS else 0


def _is_apart(trees: Several[Tree]) -> bool:
    return not any(tree.stem for tree in trees)


def _of(lower: Lower, group: list[int]) -> Lower:
    return None if lower is None else [lower[k] for k in group]

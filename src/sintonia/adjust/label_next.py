"""Which texts to label next: those between whose labels the model wavers, apart from one another, and some by chance.

Without a model: texts that each stand for many like them, far from those that are labelled. Pure: arrays in, picks out;
no text is seen here and no model is loaded. Source: science.md 4.2 (breaking ties: Schroeder et al. 2022).
"""

from __future__ import annotations

import warnings

import numpy as np

from sintonia.records import Batch, Origin, Pick

SHORTLISTED = 6
"""So many times as many texts as are wanted are looked at for being apart."""


def margins(probabilities: np.ndarray) -> np.ndarray:
    """By how much the likeliest label of each text leads the next one; probabilities (texts, labels), two or more."""
    highest = np.partition(probabilities, -2, axis=1)[:, -2:]
    return np.asarray(highest[:, 1] - highest[:, 0])


def shortlist(probabilities: np.ndarray, batch: Batch) -> np.ndarray:
    """Positions of the texts that the model is least sure of, the least sure first, without those drawn by chance."""
    by_chance = _by_chance(len(probabilities), batch)
    order = np.argsort(margins(probabilities), kind="stable")
    order = order[~np.isin(order, by_chance)]
    return order[: SHORTLISTED * (_num_picked(len(probabilities), batch) - len(by_chance))]


def pick(probabilities: np.ndarray, features: np.ndarray, batch: Batch) -> tuple[Pick, ...]:
    """The texts to label next; `features` (texts, hidden) are those of `shortlist(probabilities, batch)`.

    The shortlist is parted into as many groups as texts are wanted (k-means), and of each group the text nearest to
    its centre is taken. Those drawn by chance come from the whole pool, so they stay a fair picture of it.
    """
    by_chance = _by_chance(len(probabilities), batch)
    listed = shortlist(probabilities, batch)
    num_wanted = _num_picked(len(probabilities), batch) - len(by_chance)
    apart = listed[_nearest_to_centres(features, num_wanted, batch.seed)]
    return _mixed(apart, "margin", by_chance, batch.seed)


def pick_spread(features: np.ndarray, labelled: np.ndarray, batch: Batch) -> tuple[Pick, ...]:
    """The texts to label where there is no model yet: features (texts, hidden), and those of what is labelled.

    All are parted into groups; groups that hold a labelled text are left out, and of each of the others, the largest
    first, the text nearest to its centre is taken.
    """
    by_chance = _by_chance(len(features), batch)
    free = np.setdiff1d(np.arange(len(features)), by_chance)
    num_wanted = _num_picked(len(features), batch) - len(by_chance)
    if not num_wanted or num_wanted >= len(free):
        return _mixed(free[:num_wanted], "spread", by_chance, batch.seed)
    num_groups = min(num_wanted + len(labelled), max(num_wanted, len(free) // 2))
    parted, far = _parted(np.concatenate([features[free], labelled]), num_groups, batch.seed)
    groups, distances = parted[: len(free)], far[: len(free)]
    is_taken = np.isin(np.arange(num_groups), parted[len(free) :])
    sizes = np.bincount(groups, minlength=num_groups)
    largest = [group for group in np.argsort(-sizes, kind="stable") if sizes[group] and not is_taken[group]]
    nearest = [int(np.where(groups == group, distances, np.inf).argmin()) for group in largest]
    order = list(dict.fromkeys([*nearest, *np.argsort(-distances, kind="stable").tolist()]))
    return _mixed(free[order[:num_wanted]], "spread", by_chance, batch.seed)


def _num_picked(num_texts: int, batch: Batch) -> int:
    return min(batch.num_wanted, num_texts)


def _by_chance(num_texts: int, batch: Batch) -> np.ndarray:
    """Drawn from all of them, whatever the model says: one at least, unless none is asked for."""
    num_picked = _num_picked(num_texts, batch)
    least = 1 if batch.random_fraction else 0
    num_random = min(num_picked, max(least, round(batch.random_fraction * num_picked)))
    return np.sort(np.random.default_rng([batch.seed, 1]).permutation(num_texts)[:num_random])


def _nearest_to_centres(features: np.ndarray, num_wanted: int, seed: int) -> np.ndarray:
    """Positions of as many rows as are wanted, one a group; where equal rows make fewer, the first fill in."""
    if num_wanted >= len(features):
        return np.arange(len(features))
    if not num_wanted:
        return np.arange(0)
    groups, distances = _parted(features, num_wanted, seed)
    nearest = [int(np.where(groups == group, distances, np.inf).argmin()) for group in np.unique(groups)]
    order = list(dict.fromkeys([*nearest, *range(len(features))]))
    return np.sort(np.array(order[:num_wanted]))


def _parted(features: np.ndarray, num_groups: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The group of each row, and its distance to the centre of that group."""
    from sklearn.cluster import KMeans

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of rows that are equal
        model = KMeans(n_clusters=num_groups, n_init=1, random_state=seed).fit(features.astype(np.float64))
    distances = np.linalg.norm(features - model.cluster_centers_[model.labels_], axis=1)
    return model.labels_, distances


def _mixed(chosen: np.ndarray, origin: Origin, by_chance: np.ndarray, seed: int) -> tuple[Pick, ...]:
    """The chosen ones in their order, with those drawn by chance at places drawn by chance."""
    total = len(chosen) + len(by_chance)
    generator = np.random.default_rng([seed, 2])
    places = set(generator.permutation(total)[: len(by_chance)].tolist())
    drawn = iter(generator.permutation(by_chance).tolist())
    rest = iter(chosen.tolist())
    return tuple(
        Pick(position=next(drawn), origin="random") if place in places else Pick(position=next(rest), origin=origin)
        for place in range(total)
    )

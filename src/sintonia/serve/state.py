"""What a running server has: its store, its queue, its models. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sintonia.serve.answers import Answering, Offers
from sintonia.serve.jobs import Scheduler
from sintonia.serve.store import Store
from sintonia.serve.surroundings import Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All of it."""

    around: Surroundings
    store: Store
    scheduler: Scheduler
    offers: Offers
    answering: Answering

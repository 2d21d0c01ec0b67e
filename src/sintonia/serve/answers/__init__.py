"""Which models are offered, and how they are asked from an event loop: on threads, short questions gathered.

The models are those of the room `use`; nothing here computes.
"""

from sintonia.serve.answers.answering import Answering
from sintonia.serve.answers.gathering import Gathering
from sintonia.serve.answers.offers import Offer, Offers

__all__ = ["Answering", "Gathering", "Offer", "Offers"]

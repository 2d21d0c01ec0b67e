"""Made-up bundles of rows for the tests of preferences."""

from __future__ import annotations

import random

from sintonia.models.language.preferences.bundles import Bundle
from sintonia.models.language.rows import TokenRow


def made_bundles(
    count: int, seed: int = 0, *, longest: int = 40, num_answers: int = 2, has_rest: bool = False
) -> list[Bundle]:
    """Bundles that all begin alike; some answers begin alike too, and some of their tokens are not learned."""
    chance = random.Random(seed)
    beginning = [chance.randrange(3, 250) for _ in range(12)]
    found = []
    for number in range(count):
        prompt = beginning + [chance.randrange(3, 250) for _ in range(chance.randrange(1, longest))]
        alike = [chance.randrange(3, 250) for _ in range(number % 3)]
        rows = []
        for _ in range(num_answers):
            answer = alike + [chance.randrange(3, 250) for _ in range(chance.randrange(1, longest))]
            learned = (*[False] * len(prompt), *[place % 9 != 5 for place in range(len(answer))])
            rows.append(TokenRow(ids=(*prompt, *answer), learned=learned, num_bytes=1))
        found.append(Bundle(tuple(rows), has_rest))
    return found

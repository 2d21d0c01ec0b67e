"""The quickstart data: smart-home commands sampled from the templates of the `home-assistant-intents` package.

hassil parses the templates and writes the sentences; here one way through a template is drawn at a time, so
nothing is ever expanded in full (some templates stand for millions of sentences). The template is the group.
"""

from __future__ import annotations

import itertools
import json
import math
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sintonia.errors import UsageError, nearest
from sintonia.files import write_atomic
from sintonia.normalise import normalised
from sintonia.prepare.smart_home.agreement import AGREES
from sintonia.prepare.smart_home.words import WORDS, Words

if TYPE_CHECKING:
    from hassil.expression import Expression, ListReference, Sentence
    from hassil.intents import IntentData, Intents, SlotList

PER_TEMPLATE = {"en": 3, "it": 4}
"""Sentences a template that give about 2,500 in all: English has more templates."""
_WANTED_AN_INTENT = 24
_LEAST_AN_INTENT = 8
"""An intent with fewer sentences is left out: one that is always said in the same words is no class to learn."""
_DRAWS_A_SENTENCE = 15
"""Draws tried for each sentence wanted before a template counts as exhausted."""
_ROUND_NUMBERS_ABOVE = 60


@dataclass(frozen=True, slots=True)
class _Template:
    intent: str
    name: str
    sentence: Sentence
    block: IntentData
    siblings: int
    """Templates of the same intent, this one included."""


def write_smart_home(path: Path | str, language: str = "en", *, per_template: int | None = None, seed: int = 0) -> int:
    """Writes JSONL rows `{"text", "intent", "template"}`; returns how many: about 2,500 over about 40 intents.

    At most `per_template` sentences a template, and up to four times that for an intent of few templates. The
    same arguments and package versions give the same bytes. No two sentences are the same after normalisation,
    so none has two intents.

    Raises:
        UsageError: the language has no vocabulary.
    """
    if language not in WORDS:
        raise UsageError(
            f"there are no smart-home commands in `{language}`",
            hint=f"take {nearest(language, WORDS)}",
            expected=" or ".join(f"`{known}`" for known in WORDS),
        )
    rows = _commands(language, per_template or PER_TEMPLATE[language], seed)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    write_atomic(Path(path), ("\n".join(lines) + "\n").encode(), mode=0o644)
    return len(lines)


def _commands(language: str, per_template: int, seed: int) -> list[dict[str, str]]:
    from hassil.intents import Intents
    from home_assistant_intents import get_intents

    content = get_intents(language)
    if content is None:
        raise UsageError(f"home-assistant-intents has no sentences in `{language}`", hint="reinstall the package")
    intents = Intents.from_dict(content)
    seen: set[str] = set()
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    for template in _templates(intents):
        draw = _Draw(random.Random(f"{seed}/{language}/{template.name}"), intents, template.block, WORDS[language])
        wanted = min(4 * per_template, max(per_template, math.ceil(_WANTED_AN_INTENT / template.siblings)))
        for text in draw.sentences(template.sentence, wanted, seen):
            rows[template.intent].append({"text": text, "intent": template.intent, "template": template.name})
    return [row for held in rows.values() if len(held) >= _LEAST_AN_INTENT for row in held]


def _templates(intents: Intents) -> Iterator[_Template]:
    for intent_name, intent in intents.intents.items():
        sentences = [(sentence, block) for block in intent.data for sentence in block.sentences]
        for number, (sentence, block) in enumerate(sentences, start=1):
            yield _Template(intent_name, f"{intent_name}/{number}", sentence, block, len(sentences))


class _Draw:
    """Draws one way through a template: one branch of each choice, one value of each slot."""

    def __init__(self, chance: random.Random, intents: Intents, block: IntentData, words: Words) -> None:
        self._chance = chance
        self._rules = {**intents.expansion_rules, **block.expansion_rules}
        self._lists: dict[str, SlotList] = {**intents.slot_lists, **block.slot_lists}
        domains: Any = block.requires_context.get("domain", ())
        self._domains = [domains] if isinstance(domains, str) else list(domains)
        self._words = words
        self._language = intents.language

    def sentences(self, template: Sentence, wanted: int, seen: set[str]) -> Iterator[str]:
        """Up to `wanted` sentences of the template, written by hassil, none of them in `seen` yet."""
        from hassil.sample import sample_expression

        for _ in range(wanted * _DRAWS_A_SENTENCE):
            text = next(iter(sample_expression(self._one_way(template.expression)))).strip()
            key = normalised(text)
            if key not in seen and self.is_wellformed(text):
                seen.add(key)
                wanted -= 1
                yield text
            if not wanted:
                return

    def is_wellformed(self, text: str) -> bool:
        """No word twice in a row, more than one letter, and words that agree."""
        words = text.lower().split()
        repeats = any(first == second for first, second in itertools.pairwise(words))
        return not repeats and len(normalised(text)) > 1 and AGREES[self._language](text.lower())

    def _one_way(self, expression: Expression) -> Expression:
        from hassil.expression import Alternative, Group, ListReference, Permutation, RuleReference, Sequence

        if isinstance(expression, Alternative):
            return self._one_way(self._chance.choice(expression.items))
        if isinstance(expression, Group):
            parts = list(expression.items)
            if isinstance(expression, Permutation):
                self._chance.shuffle(parts)
            return Sequence(items=[self._one_way(part) for part in parts])
        if isinstance(expression, RuleReference):
            return self._one_way(self._rules[expression.rule_name].expression)
        if isinstance(expression, ListReference):
            return self._value(expression)
        return expression

    def _value(self, reference: ListReference) -> Expression:
        from hassil.expression import TextChunk
        from hassil.intents import RangeSlotList, TextSlotList

        name = reference.list_name
        known = self._lists.get(name)
        if isinstance(known, TextSlotList):
            return self._one_way(self._chance.choice(known.values).text_in)
        if isinstance(known, RangeSlotList):
            return TextChunk(str(self._chance.choice(_likely_numbers(known.start, known.stop, known.step, name))))
        keys = [f"name:{domain}" for domain in self._domains] if name == "name" else [name]
        return TextChunk(self._chance.choice([word for key in keys for word in self._words.get(key, ())]))


def _likely_numbers(start: int, stop: int, step: int, name: str) -> list[int]:
    """The numbers of a range that people say: room temperatures, short times, round percentages."""
    if name == "temperature":
        return list(range(16, 27))
    if name == "timer_hours":
        return list(range(1, 13))
    numbers = list(range(start, stop + 1, step))
    if name.startswith("timer_"):
        return [number for number in numbers if number <= _ROUND_NUMBERS_ABOVE and (number < 10 or number % 5 == 0)]
    return [number for number in numbers if number % 5 == 0 and number > 0] or numbers

"""The part of the audit that looks at words to be tagged and at the tokens that stand for them."""

from __future__ import annotations

from collections.abc import Sequence

from sintonia.models.open import OpenBase
from sintonia.models.tagging import align
from sintonia.prepare.checks.d145_spans_within_words import check_spans_within_words
from sintonia.prepare.checks.d146_windows import check_windows
from sintonia.prepare.checks.d147_words_without_tokens import check_words_without_tokens
from sintonia.prepare.checks.d148_capitals import check_capitals
from sintonia.records import Example, Finding
from sintonia.tasks import tag


def examine_words(base: OpenBase, train: Sequence[Example], validation: Sequence[Example]) -> tuple[Finding, ...]:
    """Spans that no answer can reach, texts read in windows, words that no token stands for, capitals not seen."""
    fitted, examples = tag.fit(train), (*train, *validation)
    texts, units = [tag.inputs(one) for one in examples], [tag.units_of(one, fitted) for one in examples]
    words = align(base.tokenizer, texts, units, base.max_tokens, may_join=fitted["units"] != tag.TOKENS)
    return (
        *check_spans_within_words(examples, words.units),
        *check_windows(words.num_windowed, len(texts), base.max_tokens),
        *check_words_without_tokens(words.num_silent, sum(map(len, words.units))),
        *check_capitals(base.tokenizer, examples, tag.encode(examples, (), fitted, words.units), words.units),
    )

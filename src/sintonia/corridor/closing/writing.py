"""Base and tuned model write answers to opened test examples, all to the same ones; what came of it in one record.

It opens no test and compares nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sintonia.evaluate import (
    Side,
    Sizes,
    Texts,
    base_silent,
    drawn,
    fitted_texts,
    nothing_written,
    only_beginnings,
    pool_texts,
    read_by_both,
    reads_text,
    stopped,
    told_sizes,
    too_slow,
    unreadable,
    written_side,
)
from sintonia.evaluate.written.writing import MOST_BESIDE
from sintonia.metrics import METRICS, parse_format
from sintonia.records import Example, Finding
from sintonia.settings import EvaluationSettings

Opened = tuple[tuple[Example, ...], ...]
"""The opened examples of each part."""


class Writer(Protocol):
    """What is needed of a bench: the saved candidate of one part and the base."""

    @property
    def train(self) -> tuple[Example, ...]:
        """The training examples of the part."""

    @property
    def new_tokens(self) -> int:
        """Most tokens of an answer."""

    def prompted(self, examples: Sequence[Example]) -> tuple[str, ...]:
        """Ids of the examples that can be written to."""

    def write(self, examples: Sequence[Example], rung: str = "") -> Texts:
        """What the tuned model and the base write, the base as one rung or as all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written, as scorecards, and what must be known about it."""

    side: Side
    texts: Texts
    sizes: Sizes
    new_tokens: int

    def remarks(self, base_name: str, evaluation: EvaluationSettings, primary_metric: str) -> tuple[Finding, ...]:
        """E314, E318 and E319 of the tuned model and the base that it is compared with."""
        found = list(told_sizes(self.sizes))
        if self.side.card(base_name) is None:
            found.append(base_silent(base_name))
        sides = {"base": self.texts.get(base_name, ()), "tuned model": self.texts["tuned"]}
        found += stopped({name: said for name, said in sides.items() if said}, self.new_tokens)
        if evaluation.format:
            declared = parse_format(evaluation.format)
            found += unreadable(self.side, base_name, declared, primary_metric)
            found += too_slow(self.side, base_name, declared)
        return tuple(found)

    def invalid_reasons(self, primary_metric: str) -> tuple[str, ...]:
        """Why these texts give no verdict, where it rests on texts."""
        is_judged = reads_text(METRICS[primary_metric], "chat")
        return only_beginnings(self.texts["tuned"], self.new_tokens) if is_judged else ()

    def readable(self, base_name: str, evaluation: EvaluationSettings) -> frozenset[str] | None:
        """Ids of the examples that both answered in the declared format, where the base did so less; else None."""
        declared = evaluation.format
        return read_by_both(self.side, base_name, parse_format(declared)) if declared else None

    def told_in(self, rows: list[dict[str, Any]], base_name: str) -> list[dict[str, Any]]:
        """Rows of all test examples; `base` and `tuned` are what these wrote, where they wrote.

        What the rows held there before, how likely the target is, is then `base_weighed` and `tuned_weighed`.
        """
        ids, base = set(self.side.tuned.ids), self.side.card(base_name)
        texts = iter(zip(base.predictions if base else (), self.side.tuned.predictions, strict=True))
        told = []
        for row in rows:
            is_written = row["id"] in ids and base is not None
            kept = {"base_weighed": row["base"], "tuned_weighed": row["tuned"]} if is_written else {}
            told.append(row | kept | (dict(zip(("base", "tuned"), next(texts), strict=True)) if is_written else {}))
        return told


def why_nothing(decoding: str) -> str:
    """Why nothing was written, in words."""
    return "`evaluation.decoding` is none" if decoding == "none" else "no test example has a prompt that is read whole"


def remarks_on(
    written: Written | None, base_name: str, evaluation: EvaluationSettings, primary_metric: str, num_examples: int
) -> tuple[Finding, ...]:
    """What must be known about what was written; and where nothing was, that a declared format was not looked at."""
    if written is not None:
        return written.remarks(base_name, evaluation, primary_metric)
    return (nothing_written(num_examples, why_nothing(evaluation.decoding)),) if evaluation.format else ()


def write_answers(writers: Sequence[Writer], opened: Opened, primary_metric: str, beside_rung: str) -> Written | None:
    """What base and tuned model of each part write; None where nothing can be written.

    An example that is tested in several parts is written to in all of them or in none. Where the verdict does not rest
    on texts, only `beside_rung`, that which it is against, writes beside the tuned model.
    """
    everyone, barred = {one.id for examples in opened for one in examples}, set[str]()
    for writer, examples in zip(writers, opened, strict=True):
        barred |= {one.id for one in examples} - set(writer.prompted(examples))
    able = everyone - barred
    if not able:
        return None
    is_judged = reads_text(METRICS[primary_metric], "chat")
    chosen = able if is_judged else drawn(able, MOST_BESIDE)
    held: list[Example] = []
    texts: list[Texts] = []
    for writer, examples in zip(writers, opened, strict=True):
        asked = tuple(one for one in examples if one.id in chosen)
        if asked:
            held += asked
            fitted = fitted_texts(writer.train, asked) if is_judged else {}
            texts.append(dict(writer.write(asked, "" if is_judged else beside_rung)) | dict(fitted))
    pooled = pool_texts(texts)
    return Written(
        side=written_side(pooled, held, primary_metric),
        texts=pooled,
        sizes=Sizes(num_examples=len(everyone), num_written=len(chosen), num_without_prompt=len(barred)),
        new_tokens=max(writer.new_tokens for writer in writers),
    )

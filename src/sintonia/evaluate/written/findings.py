"""Whether what was written can be compared: answers that cannot be read, that were stopped, prompts that were cut.

Each is told with its numbers. Two of them can make a verdict on texts invalid (science.md 1.6): most answers of the
tuned model are beginnings, or a gain is not there where both can be read (`judge.py` looks). Inputs that are cut never
do: base and tuned model read the same of them, and so they do in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sintonia.evaluate.pooled import Side
from sintonia.evaluate.units import unit_of
from sintonia.evaluate.written.writing import Said
from sintonia.metrics import METRICS, Format
from sintonia.records import Finding, Scorecard

MOST_UNREADABLE_DIFFERENCE = 0.05
MOST_STOPPED = 0.05
MOST_CUT = 0.05
"""Shares of the test examples; from science.md 1.6."""
MOST_BEGINNINGS = 0.5
"""Share of the answers of the tuned model from which, stopped by the limit, they say nothing about it."""
_PLAINEST = "normalised_match"
_ROUNDING = 1e-9
_BASE_UNTOLD = "part of the difference is the format alone: tell the base the format in its prompt and compare again"
_TUNED_UNLEARNED = "the format was not learned: look whether all training answers are in it, and end as they should"
NOTHING_HINT = "data with a prompt and an answer can be written to: raise `training.max_tokens` where prompts are long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many test examples there are, were written to, and could not be for want of a whole prompt."""

    num_examples: int
    num_written: int
    num_without_prompt: int


def unreadable(side: Side, base_name: str, declared: Format, primary_metric: str) -> tuple[Finding, ...]:
    """E314 when more answers of one side are unreadable in the declared format, by more than 5 points."""
    base, tuned = side.card(base_name), side.tuned
    if base is None:
        return ()
    is_valid, broken = _validity((base, tuned), declared)
    if abs(broken[0] - broken[1]) <= MOST_UNREADABLE_DIFFERENCE + _ROUNDING:
        return ()
    name = primary_metric if METRICS[primary_metric].reads in ("texts", "answers") else _PLAINEST
    name = _PLAINEST if name == "format_validity" else name
    both = [all(pair) for pair in zip(*is_valid, strict=True)]
    as_wrong = [_emptied(card, valid) for card, valid in zip((base, tuned), is_valid, strict=True)]
    read = "there is no example that both answer readably"
    if any(both):
        read = f"on the {sum(both):,} examples where both can be read {_scores(name, [base, tuned], both)}"
    return (
        Finding(
            code="E314",
            severity="warning",
            count=sum(not one for valid in is_valid for one in valid),
            message=f"{broken[0]:.1%} of the answers of the base (`{base_name}`) and {broken[1]:.1%} of those of the "
            f"tuned model are not {declared.title}. With those counted as wrong, {METRICS[name].title} is "
            f"{_scores(name, as_wrong, [True] * len(both))}; {read}",
            hint=_BASE_UNTOLD if broken[0] > broken[1] else _TUNED_UNLEARNED,
        ),
    )


def read_by_both(side: Side, base_name: str, declared: Format) -> frozenset[str] | None:
    """Ids of the examples that both answered readably, where the base did so less, by more than 5 points; else None.

    There a gain may be the format alone, which nobody had told the base. Answers of the tuned model that cannot be read
    are its own fault, and count as wrong.
    """
    base, tuned = side.card(base_name), side.tuned
    if base is None:
        return None
    is_valid, broken = _validity((base, tuned), declared)
    if broken[0] - broken[1] <= MOST_UNREADABLE_DIFFERENCE + _ROUNDING:
        return None
    pairs = list(zip(tuned.ids, *is_valid, strict=True))
    return frozenset(tuned.ids) - {one for one, here, there in pairs if not (here and there)}


def too_slow(side: Side, base_name: str, declared: Format) -> tuple[Finding, ...]:
    """E322 when a pattern of the declared format took too long on answers, which count as not valid."""
    shown = [("base", side.card(base_name)), ("tuned model", side.tuned)]
    slow = {name: sum(map(declared.is_slow, card.predictions)) for name, card in shown if card is not None}
    if not any(slow.values()):
        return ()
    listed = " and ".join(f"{count:,} of the {name}" for name, count in slow.items())
    return (
        Finding(
            code="E322",
            severity="warning",
            count=sum(slow.values()),
            message=f"the pattern of the declared format took too long on answers ({listed}): these count as not "
            f"{declared.title}, whatever they are",
            hint="repetitions inside of repetitions, such as `(a+)+`, take for ever: write the pattern without them",
        ),
    )


def _validity(cards: Sequence[Scorecard], declared: Format) -> tuple[list[list[bool]], list[float]]:
    """Of each card, whether each answer is valid, and the share of those that are not."""
    is_valid = [[declared.is_valid(text) for text in card.predictions] for card in cards]
    return is_valid, [1 - sum(one) / len(one) for one in is_valid]


def only_beginnings(answers: Sequence[Said], new_tokens: int) -> tuple[str, ...]:
    """Why no verdict can be had from what the tuned model wrote: most of it was stopped by the limit."""
    share = sum(not one.is_ended for one in answers) / max(len(answers), 1)
    if share <= MOST_BEGINNINGS:
        return ()
    return (
        f"{share:.1%} of the answers of the tuned model did not end within {_tokens(new_tokens)} and were stopped "
        "there (E318): what is compared are beginnings; raise `evaluation.new_tokens`, or train on examples with a "
        "clear end",
    )


def _tokens(count: int) -> str:
    return f"{count:,} token{'' if count == 1 else 's'}"


def stopped(said: Mapping[str, Sequence[Said]], new_tokens: int) -> tuple[Finding, ...]:
    """E318 when more than 5 % of the answers of a side did not end within the tokens they were given."""
    shares = {name: sum(not one.is_ended for one in answers) / len(answers) for name, answers in said.items()}
    if max(shares.values()) <= MOST_STOPPED:
        return ()
    listed = " and ".join(f"{share:.1%} of those of the {name}" for name, share in shares.items())
    return (
        Finding(
            code="E318",
            severity="warning",
            count=sum(not one.is_ended for answers in said.values() for one in answers),
            message=f"of the answers that were written, {listed} did not end within {_tokens(new_tokens)} and "
            "were stopped there: they are compared as they stand",
            hint="raise `evaluation.new_tokens`, unless they go on for ever: then more examples with a clear end help",
        ),
    )


def truncated(num_cut: int, num_examples: int, max_tokens: int, what: str) -> tuple[Finding, ...]:
    """E315 when more than 5 % of the test inputs are longer than what is read of them."""
    if num_cut <= MOST_CUT * num_examples:
        return ()
    return (
        Finding(
            code="E315",
            severity="warning",
            count=num_cut,
            message=f"{num_cut:,} of {num_examples:,} test {what} ({num_cut / num_examples:.1%}) are longer than the "
            f"{max_tokens} tokens that are read, and the rest was cut",
            hint="raise `training.max_tokens`, or shorten them",
        ),
    )


def told_sizes(sizes: Sizes) -> tuple[Finding, ...]:
    """E319: that not all test examples were written to, and why."""
    if sizes.num_written == sizes.num_examples:
        return ()
    parts = [f"base and tuned model wrote answers to {sizes.num_written:,} of {sizes.num_examples:,} test examples"]
    if sizes.num_without_prompt:
        parts.append(f"{sizes.num_without_prompt:,} have no prompt that could be read as a whole")
    left = sizes.num_examples - sizes.num_written - sizes.num_without_prompt
    if left:
        parts.append(f"{left:,} were left out to save time, chosen by a hash of their ids")
    return (
        Finding(
            code="E319",
            severity="note",
            count=sizes.num_examples - sizes.num_written,
            message="; ".join(parts),
            hint="with a metric of written texts as `evaluation.primary_metric` all that have a prompt are written to",
        ),
    )


def nothing_written(num_examples: int, why: str) -> Finding:
    """E319 where answers in a declared format were asked for, and none was written: so E314 cannot be told."""
    return Finding(
        code="E319",
        severity="warning",
        count=num_examples,
        message=f"nothing was written: {why}. So no answer was held against the declared format",
        hint=NOTHING_HINT,
    )


def base_silent(base_name: str) -> Finding:
    """E319: that what was written is not the tuned model's beside that of the base of the verdict."""
    return Finding(
        code="E319",
        severity="note",
        message=f"the base that the verdict is against (`{base_name}`) did not write: what the tuned model wrote is "
        "compared with nothing",
        hint="the written answers are kept beside the turn, those of the other baselines too",
    )


def _emptied(card: Scorecard, is_valid: Sequence[bool]) -> Scorecard:
    """What cannot be read says nothing."""
    texts = tuple(text if valid else "" for text, valid in zip(card.predictions, is_valid, strict=True))
    return replace(card, predictions=texts)


def _scores(name: str, cards: Sequence[Scorecard], is_meant: Sequence[bool]) -> str:
    """`61.2 with the base and 80.1 with the tuned model`."""
    metric = METRICS[name]
    values = []
    for card in cards:
        pairs = [(a, b) for a, b, k in zip(card.targets, card.predictions, is_meant, strict=True) if k]
        values.append(unit_of(metric).score(metric.function([a for a, _ in pairs], [b for _, b in pairs])))
    return f"{values[0]} with the base and {values[1]} with the tuned model"

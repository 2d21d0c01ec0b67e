"""What a model remembers, in words: findings P401, P402 and P403. It measures nothing and knows no text of any row.

P401: training rows can be told from rows the model never saw.
What: the share of pairs in which a training row has the better score (warned from a lower bound of .60 on), and the
share of training rows recognised at one false alarm in a hundred (warned above 5 %, where chance does not explain it).
Why it matters: who has a row can find out that it was in the data, which may be all there is to hide; and such a model
may give rows away.
What to do: fewer passes, fewer trained weights, repeated rows taken out; with people in the data, differential privacy.

P402: the test says nothing about memory, for words alone tell the two sets apart.
What: a bag of words that knows no model finds out which of the rows were trained on.
Why it matters: then a difference of losses may be one of times or sources, and no warning rests on it.
What to do: split by chance, or let validation be drawn from what is trained on.

P403: secrets that were planted in a copy of the training, or training rows, come out again.
What: the mean exposure of planted secrets above what is never seen, or answers written word for word that the base does
not write.
Why it matters: what was planted like a row is as safe as a row.
What to do: repeated rows taken out, fewer passes, differential privacy.
"""

from __future__ import annotations

from dataclasses import dataclass

from sintonia.records import Finding, Interval
from sintonia.records.privacy.memorisation import Canaries, Memorisation

LEAST_AUC_LOW = 0.60
MOST_RECOGNISED = 0.05
LARGEST_CHANCE = 0.01
"""How likely a share above 5 % may be where nothing is remembered, and still be warned about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HowTrained:
    """What a hint has to know of the training."""

    method: str = ""
    epochs: float = 0.0
    """Passes over the rows that were planned."""
    can_be_private: bool = False
    """Whether the task can be trained with differential privacy."""
    is_private: bool = False
    """Whether it was."""


def is_remembered(found: Memorisation) -> bool:
    """Whether P401 is due: the sets are of one source and one of the two marks is passed."""
    if not found.is_valid or found.auc is None:
        return False
    return found.auc.low > LEAST_AUC_LOW or _is_recognised(found)


def _is_recognised(found: Memorisation) -> bool:
    share, chance = found.recognised, found.recognised_chance
    return share is not None and chance is not None and share > MOST_RECOGNISED and chance < LARGEST_CHANCE


def memory_findings(found: Memorisation, trained: HowTrained) -> tuple[Finding, ...]:
    """P401 or P402, or nothing."""
    if found.auc is None:
        return ()
    if not found.is_valid:
        return (_shifted(found),)
    return (_remembered(found, found.auc, trained),) if is_remembered(found) else ()


def _remembered(found: Memorisation, auc: Interval, trained: HowTrained) -> Finding:
    message = (
        f"the model remembers its training rows: of one of {found.num_members:,} training rows and one of "
        f"{found.num_held_out:,} rows it never saw, the score picks the training row in {auc.value:.0%} of pairs (95 % "
        f"interval {auc.low:.0%} to {auc.high:.0%}; 50 % is guessing)"
    )
    if found.recognised is not None:
        message += f"; at one false alarm in a hundred {found.recognised:.1%} of them are recognised"
    return Finding(
        code="P401", severity="warning", count=found.num_members, message=message, hint=_less_memory(trained)
    )


def _shifted(found: Memorisation) -> Finding:
    return Finding(
        code="P402",
        severity="note",
        count=found.num_members,
        message="whether the model remembers its rows cannot be told (invalid: distribution shift): words alone, "
        f"without any model, tell a training row from a validation row in {found.told_apart:.0%} of pairs, where "
        f"sets of one source stay below {found.told_apart_limit:.0%} (50 % is guessing)",
        hint="where near-copies were kept in one set (D112), the sets differ by that: "
        "`sintonia evaluate RUN --privacy --canaries` measures without comparing them; where you chose the sets, take "
        "validation rows from the source and time of the training rows",
    )


def _less_memory(trained: HowTrained) -> str:
    steps = []
    if trained.epochs > 1:
        steps.append(f"fewer passes (`training.epochs` below {trained.epochs:g})")
    if trained.method == "full":
        steps.append("`--method lora`, which trains fewer weights")
    elif trained.method == "lora":
        steps.append("a lower `lora.rank`")
    steps.append("rows that say the same thing several times taken out")
    if trained.is_private:
        steps.append("a smaller `privacy.dp.epsilon`")
    elif trained.can_be_private:
        steps.append("`privacy.dp.epsilon=8`, which bounds what any row can leave behind")
    return f"try {'; or '.join(steps)}; until then treat the model as confidential as its rows"


def canary_findings(found: Canaries, trained: HowTrained) -> tuple[Finding, ...]:
    """P403 for planted secrets, and for rows that the shipped model writes out; nothing where neither is so."""
    findings = []
    shown = [one for one in found.exposed if one.is_remembered]
    if shown:
        told = ", ".join(f"{one.mean_bits:.1f} bits at {one.repetitions} repetitions" for one in shown)
        message = (
            f"planted secrets are remembered: mean exposure {told}, of at most {_most_bits(found):g}, where secrets "
            f"that were never seen stay below {found.threshold_bits:.2f}"
        )
        findings.append(_planted(message, sum(one.num_secrets for one in shown), _less_memory(trained)))
    verbatim = found.verbatim
    if verbatim and verbatim.num_beyond_base:
        message = (
            f"training rows are written out word for word: {verbatim.num_beyond_base:,} of the {verbatim.num_asked:,} "
            "most exposed, which the base does not write"
        )
        if verbatim.num_held_out:
            message += (
                f" (of {verbatim.num_held_out:,} rows it never saw, drawn in the same way, "
                f"{verbatim.num_exact_held_out:,}: so many can be learned without being remembered)"
            )
        if _is_beyond_held_out(found):
            findings.append(_planted(message, verbatim.num_beyond_base, _less_memory(trained)))
    return tuple(findings)


def _is_beyond_held_out(found: Canaries) -> bool:
    """Whether more training rows are written out than rows that were never seen, beyond chance (Fisher's exact test).

    Where no row was held out, each that the base does not write counts.
    """
    verbatim = found.verbatim
    if verbatim is None or not verbatim.num_held_out:
        return bool(verbatim and verbatim.num_beyond_base)
    from scipy.stats import fisher_exact

    table = [
        [verbatim.num_beyond_base, verbatim.num_asked - verbatim.num_beyond_base],
        [verbatim.num_exact_held_out, verbatim.num_held_out - verbatim.num_exact_held_out],
    ]
    return float(fisher_exact(table, alternative="greater").pvalue) < LARGEST_CHANCE


def _planted(message: str, count: int, hint: str) -> Finding:
    return Finding(code="P403", severity="warning", count=count, message=message, hint=hint)


def _most_bits(found: Canaries) -> float:
    import math

    return math.log2(found.num_references)

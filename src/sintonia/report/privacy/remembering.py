"""What the model remembers of its training rows, as page and card show it: counts, shares and words, no row.

`remembered.html.j2` and `remembered.md.j2` hold the panel. Nothing is computed here.
"""

from __future__ import annotations

from sintonia.records import Finding
from sintonia.records.privacy.memorisation import Canaries, Memorisation
from sintonia.report.contents import Contents

HELD_AGAINST = {
    "base": "What the untouched base loses on the same row is taken off first, so that easy rows count as easy.",
    "probe": "What a probe of the untouched base loses on the same row is taken off first as far as it explains the "
    "loss of rows never seen; no probe had seen the row it judged.",
    "itself": "The loss of preferences is one against the untouched base already.",
    "nothing": "The base has no such loss of its own, so the loss stands as it is: hard rows blur the test.",
}
"""What the loss of a row is held against, in words."""
CANNOT_SHOW = (
    "One test of one kind: it can show that rows are recognised, and never that they are not. Who has more models to "
    "compare with, or the weights to look into, may recognise more. Validation also chose which weights are kept, so "
    "that its rows are a little less strange to the model than others that it never saw."
)
"""What this panel must not be read as."""


def memory_in_words(found: Memorisation | None) -> str:
    """The result in a sentence; empty where there is none."""
    if found is None:
        return ""
    if found.auc is None:
        return f"Not measured: {found.why_not_measured}."
    if not found.is_valid:
        return (
            "This test cannot tell, for the training rows and the rows held out differ already by their words, as "
            "where near-copies are kept in one set: without any model the words give away which is which in "
            f"{found.told_apart:.0%} of pairs, where sets of one source stay below {found.told_apart_limit:.0%}. Made-"
            "up secrets that are planted in a copy of the training can tell (`evaluate RUN --privacy --canaries`)."
        )
    auc = found.auc
    said = (
        f"Of one training row and one row it never saw, the model gives away which is which in {auc.value:.0%} of "
        f"pairs (95% interval {auc.low:.0%} to {auc.high:.0%}). Guessing is 50%, and a model that knows every row by "
        "heart comes near 100%."
    )
    if found.recognised is None:
        return (
            f"{said} How many are recognised at one false alarm in a hundred was not measured: {found.num_held_out} "
            "rows held out are too few to count to one in a hundred."
        )
    return f"{said} At one false alarm in a hundred, {found.recognised:.1%} of the training rows are recognised."


def later_findings(contents: Contents) -> tuple[Finding, ...]:
    """What was found after the verdict, when somebody asked."""
    known = {one.code for one in contents.findings if one.code in ("P401", "P402")}
    found = contents.memorisation.findings if contents.memorisation else ()
    of_copy = contents.canaries.findings if contents.canaries else ()
    return (*(one for one in found if one.code not in known), *of_copy)


def canaries_in_words(found: Canaries | None) -> tuple[str, ...]:
    """What became of planted secrets and of rows asked for, one sentence each; nothing where nobody planted any."""
    if found is None:
        return ()
    told = [
        f"Made-up secrets that stood in {one.repetitions} training row{'s' if one.repetitions > 1 else ''} of a copy "
        f"of this training: mean exposure {one.mean_bits:.1f} bits, at least {one.low_bits:.1f} ("
        f"{'remembered' if one.is_remembered else 'no more than what was never seen'}; secrets that were never seen "
        f"stay below {found.threshold_bits:.2f})."
        for one in found.exposed
    ]
    told += ["Each bit halves the guesses that it takes to find such a secret by asking the model."] if told else []
    rows = found.verbatim
    if rows:
        told.append(
            f"Of the {rows.num_asked} most exposed training rows the model writes the answers of "
            f"{rows.num_beyond_base} exactly that the base does not write; of {rows.num_held_out} rows it never saw, "
            f"drawn in the same way, {rows.num_exact_held_out}."
        )
    return tuple(told)

"""What a private training promises, in words for a person, and what the promise rests on. It computes nothing."""

from __future__ import annotations

from sintonia.records.privacy.spent import Composed, Spent

ASSUMPTIONS = (
    "It is about the training rows. Validation rows choose the best weights, test rows judge: they are not protected.",
    "It is about the model in `model/`. The report, the run folder and its caches hold what was seen of the rows "
    "without noise (findings, losses, examples): do not hand them on with it. The card, which goes with an export, "
    "tells scores, counts and names of labels without noise.",
    "A row is not a person: where one person has several rows, only `data.group` with `privacy.dp.unit=group` promises "
    "something to the person.",
    "The number of rows, the labels, the settings, and how the data were prepared (repeats dropped, near-copies in one "
    "set, rows set aside) are taken as known: two data sets are compared as they are after that.",
    "The seed of the recipe repeats neither the noise nor who was drawn; the secret key of both was in the "
    "checkpoints, and is gone with them. The noise is computed in floating point, against which "
    "attacks are known in theory.",
    "The base is taken as not having seen the rows: what runs that are known here learned from was looked through, and "
    "into a base from elsewhere nobody can look.",
    "An advice that you follow, and a recipe that you choose after looking at results on the same rows, is a use of "
    "these rows that nobody counts; trainings are counted, by this ledger.",
)


def promise(spent: Spent, together: Composed, group: str | None) -> str:
    """The guarantee of one training, and of all on the same rows."""
    whom = "training rows" if spent.unit == "row" else f"values of `{group}` in training"
    told = (
        f"differentially private: epsilon {spent.epsilon:.3g} at delta {spent.delta:.2g} for each of "
        f"{spent.num_units:,} {whom} ({spent.steps} steps, "
        f"drawn with probability {spent.rate:.3g}, noise {spent.noise:.3g}, "
        f"{spent.accountant.upper()} accountant)"
    )
    if together.num_private > 1:
        told += (
            f"; with {_counted(together.num_private - 1, 'other private training')} on the same rows, epsilon "
            f"{together.epsilon:.3g} together for who sees all of them{_on(together)}"
        )
    if together.num_other_unit:
        told += f"; {_counted(together.num_other_unit, 'private training')} promised to single rows only, and not in it"
    if together.num_plain:
        told += (
            f"; {_counted(together.num_plain, 'training')} on these data without privacy: of what they gave nothing is "
            "promised"
        )
    return told


def _on(together: Composed) -> str:
    return f" (as the ledger had it on {together.date})" if together.date else ""


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("s" if number > 1 else "")

"""What a judge said in words, and what speaks against believing it (E317). It computes no win rate from texts."""

from __future__ import annotations

from sintonia.evaluate.pairwise.summing import LIKE_LENGTH, by_group, log_ratio, positions, win_rate
from sintonia.records import Finding, Preference, Severity, WinRate
from sintonia.statistics import clustered_midp

FEWEST_DECIDED = 30
MOST_FIRST = 0.6
MOST_UNREADABLE = 0.1
LEVEL = 0.05
CODE = "E317"
_OTHER_JUDGE = "take another judge, or read some pairs yourself: the written answers are in the file of predictions"


def told_preference(preference: Preference) -> str:
    """The secondary line below a verdict: the win rate, and always the lengths beside it."""
    whole, alike = preference.whole, preference.like_length
    if preference.num_identical == whole.num_pairs:
        same = f"base and tuned model wrote the same in all {whole.num_pairs:,} pairs"
        return f"the judge `{preference.judge}` was not asked, and it is a tie: {same}"
    said = f"the judge `{preference.judge}` prefers the tuned model in {_rate(whole)} pairs of answers"
    said += f" (wins {whole.wins:,}, losses {whole.losses:,}, the others count half)"
    lengths = f"its answers are {preference.length_ratio:.2f} times as long as those of the base"
    controlled = f"among those of like length in {_rate(alike)}" if alike else "no two are of like length"
    return f"{said}; {lengths}, {controlled}. Weak evidence, which the verdict does not rest on"


def not_asked(why: str, hint: str = "") -> Finding:
    """That there is no second opinion."""
    return _found("warning", f"the judge could not be asked: {why}", hint or "the verdict does not rest on it")


def incomplete(num_asked: int, num_meant: int, why: str, hint: str) -> Finding:
    """That the judge was stopped, or failed, on the way."""
    message = f"the judge compared only {num_asked:,} of {num_meant:,} pairs of answers: {why}"
    return _found("warning", message, hint or "the verdict does not rest on it", num_meant - num_asked)


def kin_finding(kin: str) -> Finding:
    """That the judge may like what sounds like itself."""
    message = f"the judge is kin to the base that was tuned: {kin}. Models prefer what they would have written"
    return _found("warning", message, "take a judge of another family")


def judge_findings(preference: Preference) -> tuple[Finding, ...]:
    """What speaks against believing a judge; that nobody has compared it with people is always said."""
    note = _found(
        "note",
        "what the judge prefers was not compared with what people prefer",
        "decide 50 pairs yourself, and see how often it agrees with you",
        preference.whole.num_pairs,
    )
    return (*_few(preference), *_length(preference), *_position(preference), *_unreadable(preference), note)


def _few(preference: Preference) -> tuple[Finding, ...]:
    decided = preference.whole.num_decided
    if decided >= FEWEST_DECIDED:
        return ()
    message = f"the judge decided only {decided} of {preference.whole.num_pairs:,} pairs the same way in both orders"
    message += f"; {preference.num_identical:,} pairs are identical" if preference.num_identical else ""
    return (_found("warning", message, "raise `evaluation.judge_examples`, or label more test rows", decided),)


def _length(preference: Preference) -> tuple[Finding, ...]:
    """That answers may have won for their length: the win is not there at like length, or length alone decides."""
    whole, alike = preference.whole, preference.like_length
    side = "tuned model" if whole.wins > whole.losses else "base"
    if _follows_length(preference) is not None:
        which = "longer" if _follows_length(preference) else "shorter"
        won = preference.longer_won[0 if which == "longer" else 1]
        message = f"the judge's answers follow length: of {sum(preference.longer_won):,} decided pairs of unlike "
        message += f"length the {which} answer won {won:,}, whichever model wrote it"
    elif whole.p_value < LEVEL and not (alike and alike.p_value < LEVEL and _direction(alike) == _direction(whole)):
        where = "no two are of like length"
        if alike:
            where = f"among those of like length this is not shown: the tuned model wins {_rate(alike)} pairs there"
        message = f"the judge prefers the answers of the {side}, but {where}. It may be for their length: those of the "
        message += f"tuned model are {preference.length_ratio:.2f} times as long as those of the base"
    else:
        return ()
    return (_found("warning", message, _OTHER_JUDGE, sum(preference.longer_won)),)


def _follows_length(preference: Preference) -> bool | None:
    """True where the longer answer wins whichever model wrote it, False where the shorter does; None otherwise."""
    longer = [one for one in preference.pairs if log_ratio(one) >= LIKE_LENGTH]
    shorter = [one for one in preference.pairs if log_ratio(one) <= -LIKE_LENGTH]
    rates = [win_rate(some) for some in (longer, shorter) if some]
    if len(rates) < 2 or max(one.p_value for one in rates) >= LEVEL or _direction(rates[0]) == _direction(rates[1]):
        return None
    return _direction(rates[0]) > 0


def _position(preference: Preference) -> tuple[Finding, ...]:
    share = preference.first_share
    if share is None or 1 - MOST_FIRST <= share <= MOST_FIRST:
        return ()
    asked = [one for one in preference.pairs if one.is_asked]
    net = [first - second for first, second in map(positions, asked)]
    if clustered_midp(by_group(asked, net)) >= LEVEL:
        return ()
    place, much = ("first", share) if share > MOST_FIRST else ("second", 1 - share)
    message = f"the judge prefers the answer that stands {place}, in {much:.0%} of its choices"
    if preference.disagreement is not None:
        message += f"; in {preference.disagreement:.0%} of the pairs it said otherwise when their order was changed"
    return (_found("warning", message, _OTHER_JUDGE, len(asked)),)


def _unreadable(preference: Preference) -> tuple[Finding, ...]:
    num_asked = preference.whole.num_pairs - preference.num_identical
    if preference.num_unreadable <= MOST_UNREADABLE * num_asked:
        return ()
    message = f"the judge did not say A, B or tie about {preference.num_unreadable:,} of {num_asked:,} pairs, or could "
    message += "not read them whole: they count as ties"
    return (_found("warning", message, "take another judge, one that does as it is told", preference.num_unreadable),)


def _direction(rate: WinRate) -> int:
    return (rate.wins > rate.losses) - (rate.wins < rate.losses)


def _rate(rate: WinRate) -> str:
    """`61.0 % (51.8 to 69.4 %) of 100`."""
    return f"{rate.rate.value:.1%} ({rate.rate.low:.1%} to {rate.rate.high:.1%}) of {rate.num_pairs:,}"


def _found(severity: Severity, message: str, hint: str, count: int = 1) -> Finding:
    return Finding(code=CODE, severity=severity, message=message, hint=hint, count=count)

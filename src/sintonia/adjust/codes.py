"""The table of training findings: code, title, severity and hint. It decides nothing: `diagnose.py` does.

Titles and hints are for a person who trains a model for the first time.
"""

from __future__ import annotations

from dataclasses import dataclass

from sintonia.records import Finding, Severity


@dataclass(frozen=True, slots=True)
class Kind:
    """What one code means, and what to do about it."""

    title: str
    severity: Severity
    hint: str
    chat_hint: str = ""
    """The hint for a language model, where it is another one."""


TRAINING_FINDINGS: dict[str, Kind] = {
    "T201": Kind(
        "training is unstable",
        "warning",
        "the steps are too large: lower `training.learning_rate` (a tenth is a good first try), warm up over "
        "10 % of the steps, keep `training.clip_norm` at 1",
    ),
    "T202": Kind(
        "underfitting, learning rate too low",
        "warning",
        "the weights hardly move: raise `training.learning_rate` three to ten times, or set it to `auto`",
    ),
    "T203": Kind(
        "underfitting, too few steps",
        "warning",
        "training ended before the model had learned: raise `training.epochs`",
    ),
    "T204": Kind(
        "underfitting, learning rate too high",
        "warning",
        "each step overwrites what the one before learned: lower `training.learning_rate` to a tenth, or set "
        "it to `auto`",
    ),
    "T205": Kind(
        "nothing learned from the targets",
        "warning",
        "the loss stayed where guessing is: look at a few rows first, are the columns the right ones and do "
        "the targets belong to their inputs? Otherwise raise `training.learning_rate`",
        chat_hint="the loss stayed where that of the base is: look at a few rows first, is what the assistant should "
        "learn in its messages? Otherwise raise `training.learning_rate`",
    ),
    "T206": Kind(
        "underfitting, the trained weights are not enough",
        "warning",
        "train more of the model (`method: full`), raise `training.learning_rate`, or take a larger base",
        chat_hint="raise `lora.rank` or train more layers, raise `training.learning_rate`, or take a larger base",
    ),
    "T207": Kind(
        "no evidence yet that anything carries over to new examples",
        "warning",
        "look at the labels: wrong or random ones cannot be learned, only memorised. Then check that "
        "training and validation come from the same source; then label more examples",
        chat_hint="look at a few conversations: answers that do not follow from their questions cannot be learned, "
        "only memorised. Then check that training and validation come from the same source; then collect more examples",
    ),
    "T208": Kind(
        "the validation set is too small to tell",
        "note",
        "label more examples: the gain may be real, but this many cannot show it",
        chat_hint="collect more examples: the gain may be real, but this many cannot show it",
    ),
    "T209": Kind(
        "overfitting, trained too long",
        "warning",
        "the best weights are kept, so nothing is lost; a shorter training (`training.epochs`) whose "
        "learning rate ends at zero there is often a little better still",
    ),
    "T210": Kind(
        "overconfident, answers as good as before",
        "note",
        "no retraining is needed: the answers did not get worse, only the stated confidence is too high. Do "
        "not read it as a probability",
        chat_hint="no retraining is needed: as many answers are right as before, only their stated probabilities are "
        "off. Do not read them as such",
    ),
    "T211": Kind(
        "overfitting, too few examples",
        "warning",
        "more labelled examples help; a shorter training does not. `sintonia adjust RUN --curve` says whether they pay",
        chat_hint="more examples help most; a shorter training does not. A smaller `lora.rank` may do as well "
        "on so few",
    ),
    "T212": Kind(
        "still improving when training ended",
        "note",
        "train longer: raise `training.epochs`",
    ),
    "T213": Kind(
        "some training examples were never seen",
        "note",
        "train at least one whole pass: raise `training.epochs` to 1 or more",
    ),
    "T214": Kind(
        "the weights hardly moved",
        "note",
        "this is still the model that training started from; for a real fine-tuning raise "
        "`training.learning_rate`, or set it to `auto`",
    ),
    "T215": Kind(
        "the training loss jumped and stayed high",
        "warning",
        "the steps are too large: lower `training.learning_rate` (a tenth is a good first try)",
    ),
}


def make_finding(code: str, numbers: str, *, is_chat: bool = False, count: int = 1) -> Finding:
    """The finding of this code; `numbers` is the evidence, said in one sentence without a capital."""
    kind = TRAINING_FINDINGS[code]
    hint = kind.chat_hint if is_chat and kind.chat_hint else kind.hint
    return Finding(code=code, severity=kind.severity, message=f"{kind.title}: {numbers}", hint=hint, count=count)

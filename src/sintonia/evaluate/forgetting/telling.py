"""What was forgotten, in words: finding E312, and the remedy as advice. It measures nothing."""

from __future__ import annotations

from sintonia.records import Advice, Finding, Forgetting, Remedy


def forgetting_finding(forgetting: Forgetting, why_no_remedy: str = "") -> Finding | None:
    """E312 where something was forgotten: a note, or a warning.

    `why_no_remedy` is why no way back could be looked for where one was due, in words.
    """
    if forgetting.severity == "none" or forgetting.base is None or forgetting.tuned is None:
        return None
    num_texts = sum(one.num_texts for one in forgetting.anchors)
    change = forgetting.change
    if forgetting.kind == "language":
        message = (
            f"the model forgot: on {num_texts} texts that have nothing to do with the task it takes "
            f"{forgetting.tuned:.3f} bits per byte, the base {forgetting.base:.3f} ({change.value:+.1%}, 95 % interval "
            f"{change.low:+.1%} to {change.high:+.1%})"
        )
    else:
        message = (
            f"the encoder forgot: of {num_texts} texts that have nothing to do with the task it finds the second half "
            f"by the first for {forgetting.tuned:.1%}, the base for {forgetting.base:.1%} ({100 * change.value:+.1f} "
            f"points, 95 % interval {100 * change.low:+.1f} to {100 * change.high:+.1f})"
        )
    is_serious = forgetting.severity == "serious"
    return Finding(
        code="E312",
        severity="note" if forgetting.severity == "note" else "warning",
        count=num_texts,
        message=message + (": that is serious" if is_serious else ""),
        hint=_hint(forgetting, why_no_remedy),
    )


def remedy_advice(forgetting: Forgetting) -> Advice | None:
    """To go only a part of the way from the base, where this costs nothing on validation and something comes back."""
    remedy = forgetting.remedy
    if remedy is None or remedy.scale == 1 or remedy.recovered_fraction <= 0:
        return None
    share = f"{min(1.0, remedy.recovered_fraction):.0%}"
    if remedy.scale == 0:
        return Advice(
            action="keep the base",
            reason=f"on {remedy.num_validation} validation examples the tuned model is no better than the base, and it "
            "forgot",
            expected="nothing is forgotten",
            cost="no training",
        )
    return Advice(
        action=f"scale the training by {remedy.scale:.1f}: {_command(remedy)}",
        reason=f"the model forgot, and {remedy.scale:.0%} of the way from the base is within one standard error of the "
        f"best on {remedy.num_validation} validation examples ({remedy.metric} {remedy.validation:.3f}, all of the way "
        f"{remedy.validation_full:.3f})",
        expected=f"{share} of what was forgotten comes back",
        cost="no training: the weights are scaled",
    )


def _command(remedy: Remedy) -> str:
    return f"`sintonia adjust RUN --scale {remedy.scale:.1f} --out FOLDER`"


def _hint(forgetting: Forgetting, why_no_remedy: str) -> str:
    remedy = forgetting.remedy
    if remedy is not None and 0 < remedy.scale < 1 and remedy.recovered_fraction > 0:
        share = f"{min(1.0, remedy.recovered_fraction):.0%}"
        return (
            f"scale the training by {remedy.scale:.1f} ({_command(remedy)}): {share} comes back, and validation is "
            "within one standard error"
        )
    otherwise = "lower the learning rate, take `--method lora` or a lower rank, or mix general examples into training"
    is_due = forgetting.severity in ("warning", "serious") and remedy is None
    return f"{otherwise} ({why_no_remedy})" if is_due and why_no_remedy else otherwise

"""One preference loss with its settings: what a step minimises, and by which margin an answer counts as preferred.

Log-likelihoods come in as nats (negative log-likelihoods) by column, as the engine gives them. No model lives here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from sintonia.errors import UsageError
from sintonia.models.language.preferences import losses
from sintonia.models.language.preferences.losses import Pairs
from sintonia.tasks.prefer import LOSSES, OF_SINGLE_RATINGS, USUAL_BETA, usual_loss

NEEDS_BASE = ("dpo", "ipo", "kto")
"""What compares with the untouched base; the others never ask it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A loss and its settings, without any `auto`."""

    loss: str = "dpo"
    beta: float = 0.1
    target_margin: float = 0.5
    """Of SimPO: how much better the chosen answer should be, as a margin times beta."""
    wanted_weight: float = 1.0
    unwanted_weight: float = 1.0
    """Of KTO: how much an answer counts that is wanted, or that is not."""
    has_rest: bool = False
    """Of ORPO: whether the prompt is learned with the better answer, as TRL does."""

    @property
    def needs_base(self) -> bool:
        """Whether the log-likelihoods of the base are asked for."""
        return self.loss in NEEDS_BASE


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What training does not change, of some bundles; all tensors but the last (bundles, columns)."""

    base: Tensor
    """Nats that the untouched base gives; zeros where it is not asked."""
    num_tokens: Tensor
    is_wanted: Tensor | None = None
    """Of single answers, bool (bundles,); None for pairs."""

    def of(self, which: list[int]) -> Known:
        """The same of some of them."""
        is_wanted = None if self.is_wanted is None else self.is_wanted[which]
        return Known(base=self.base[which], num_tokens=self.num_tokens[which], is_wanted=is_wanted)


def rule_of(settings: Any, *, is_single: bool) -> Rule:
    """The rule that the settings of the task `prefer` ask for, of pairs or of single ratings.

    Raises:
        UsageError: the loss does not learn from single ratings.
    """
    loss = usual_loss(is_single) if settings.loss == "auto" else settings.loss
    if is_single and loss != OF_SINGLE_RATINGS:
        raise UsageError(
            f"`{loss}` learns from pairs of answers, and these are single ratings",
            hint=f"take `prefer.loss={OF_SINGLE_RATINGS}`",
            where="prefer.loss",
        )
    return Rule(
        loss=loss,
        beta=USUAL_BETA[loss] if settings.beta == "auto" else float(settings.beta),
        target_margin=settings.target_margin,
        wanted_weight=settings.wanted_weight,
        unwanted_weight=settings.unwanted_weight,
        has_rest=settings.learns_prompt and loss == "orpo",
    )


def pairs_of(nats: Tensor, known: Known) -> Pairs:
    """Log-likelihoods of the two answers of each bundle."""
    return Pairs(
        chosen=-nats[:, 0],
        rejected=-nats[:, 1],
        num_chosen=known.num_tokens[:, 0],
        num_rejected=known.num_tokens[:, 1],
        base_chosen=-known.base[:, 0],
        base_rejected=-known.base[:, 1],
    )


def batch_loss(rule: Rule, known: Known, divergence: float = 0.0) -> Callable[[Tensor, list[int]], Tensor]:
    """The mean loss of a batch as parts: of nats (bundles, columns) of some of its bundles, and which they are.

    `divergence` is KTO's distance from the base. ORPO's loss of the better answer is a mean over the tokens of the
    batch, as usual with a language model; everything else is a mean over pairs, or over answers.
    """
    count = len(known.num_tokens)

    def part(nats: Tensor, which: list[int]) -> Tensor:
        here = known.of(which)
        if rule.loss == "kto":
            found = _kto_losses(rule, nats, here, divergence)
            return found.sum() / (count * found.shape[1])
        pairs = pairs_of(nats, here)
        if rule.loss == "dpo":
            return losses.dpo(pairs, rule.beta).sum() / count
        if rule.loss == "ipo":
            return losses.ipo(pairs, rule.beta).sum() / count
        if rule.loss == "simpo":
            return losses.simpo(pairs, rule.beta, rule.target_margin).sum() / count
        columns = [0, 2] if rule.has_rest else [0]
        num_tokens = known.num_tokens[:, columns].sum()
        return nats[:, columns].sum() / num_tokens + losses.odds_ratio(pairs, rule.beta).sum() / count

    return part


def margins(rule: Rule, nats: Tensor, known: Known, divergence: float = 0.0) -> Tensor:
    """By how much each chosen answer is preferred, or each single answer wanted; (bundles,), 0 is undecided.

    DPO and KTO: beta times the implicit margin; IPO: the same per token, without beta; SimPO: beta times the margin per
    token; ORPO: the log odds ratio. The sigmoid of it is how sure the model is.
    """
    if known.is_wanted is not None:
        return rule.beta * (known.base[:, 0] - nats[:, 0] - divergence)
    pairs = pairs_of(nats, known)
    by_loss: Mapping[str, Callable[[Pairs], Tensor]] = {
        "dpo": lambda one: rule.beta * losses.implicit_margin(one),
        "kto": lambda one: rule.beta * losses.implicit_margin(one),
        "ipo": losses.implicit_margin_per_token,
        "simpo": lambda one: rule.beta * losses.margin_per_token(one),
        "orpo": losses.log_odds_ratio,
    }
    return by_loss[rule.loss](pairs)


def divergence_of(nats: Tensor, base: Tensor) -> float:
    """KTO's distance from the base, by nats of answers behind prompts that are not theirs, both (bundles, columns)."""
    return float(losses.kl_term(base - nats))


def to_facts(rule: Rule, divergence: float) -> dict[str, Any]:
    """What is kept beside the weights, so that the margin can be computed again."""
    return {**asdict(rule), "divergence": divergence}


def from_facts(facts: Mapping[str, Any]) -> tuple[Rule, float]:
    """The rule and the distance of such facts.

    Raises:
        KeyError, TypeError, ValueError: they are others.
    """
    if facts["loss"] not in LOSSES:
        raise ValueError("of another kind")
    kept = {name: facts[name] for name in Rule.__dataclass_fields__}
    return Rule(**kept), float(facts["divergence"])


def _kto_losses(rule: Rule, nats: Tensor, known: Known, divergence: float) -> Tensor:
    """Of each answer, (bundles, answers)."""
    ratios = known.base - nats
    is_wanted = (
        torch.tensor([True, False]).expand(len(nats), 2) if known.is_wanted is None else known.is_wanted[:, None]
    )
    weights = (rule.wanted_weight, rule.unwanted_weight)
    return losses.kto(ratios, is_wanted.to(ratios.device), divergence, rule.beta, weights)

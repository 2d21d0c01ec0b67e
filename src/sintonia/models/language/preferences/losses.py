"""The losses of preference learning as pure functions of log-likelihoods: DPO, IPO, SimPO, ORPO and KTO.

Each is that of its paper, and TRL's of the same name to the last digits (a test compares them); where the two differ,
it is said here. No model and no data live here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

LEAST_SURPRISE = 1e-12
"""Nats a token: below this an answer counts as certain, for the odds of certainty are infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Log-likelihoods (nats, at most 0) of the answers of some pairs behind their prompts; all tensors (pairs,)."""

    chosen: Tensor
    rejected: Tensor
    num_chosen: Tensor
    """Tokens of the better answer that are learned, the end of its turn included."""
    num_rejected: Tensor
    base_chosen: Tensor
    """What the untouched base gives the same tokens."""
    base_rejected: Tensor


def implicit_margin(pairs: Pairs) -> Tensor:
    """By how much more than the rejected answer the chosen one became likelier than it is to the base, in nats."""
    return (pairs.chosen - pairs.base_chosen) - (pairs.rejected - pairs.base_rejected)


def implicit_margin_per_token(pairs: Pairs) -> Tensor:
    """The same of the mean over the tokens of each answer."""
    chosen = (pairs.chosen - pairs.base_chosen) / pairs.num_chosen
    return chosen - (pairs.rejected - pairs.base_rejected) / pairs.num_rejected


def margin_per_token(pairs: Pairs) -> Tensor:
    """By how much likelier a token of the chosen answer is, in nats and in the mean; no base is asked."""
    return pairs.chosen / pairs.num_chosen - pairs.rejected / pairs.num_rejected


def log_odds_ratio(pairs: Pairs) -> Tensor:
    """Log of the odds of the chosen answer over those of the rejected one, an answer's probability being the
    geometric mean of its tokens' (ORPO, equations 4 and 7)."""
    chosen, rejected = pairs.chosen / pairs.num_chosen, pairs.rejected / pairs.num_rejected
    return (chosen - rejected) - (_log_of_rest(chosen) - _log_of_rest(rejected))


def dpo(pairs: Pairs, beta: float) -> Tensor:
    """Direct preference optimisation (arXiv 2305.18290, equation 7), the loss of each pair."""
    return -F.logsigmoid(beta * implicit_margin(pairs))


def ipo(pairs: Pairs, beta: float) -> Tensor:
    """Identity preference optimisation (arXiv 2310.12036, equation 17; beta is its tau), the loss of each pair.

    The paper does not speak of lengths. As its authors told TRL, the log-likelihoods are means over the tokens of an
    answer, else the squares would grow with its length.
    """
    return (implicit_margin_per_token(pairs) - 1 / (2 * beta)) ** 2


def simpo(pairs: Pairs, beta: float, target_margin: float) -> Tensor:
    """SimPO (arXiv 2405.14734, equation 6; the target margin is its gamma), the loss of each pair; no base is asked."""
    return -F.logsigmoid(beta * margin_per_token(pairs) - target_margin)


def odds_ratio(pairs: Pairs, beta: float) -> Tensor:
    """What ORPO (arXiv 2403.07691, equation 6; beta its lambda) adds to the loss of the better answer, of each pair."""
    return -beta * F.logsigmoid(log_odds_ratio(pairs))


def kto(
    ratios: Tensor, is_wanted: Tensor, divergence: Tensor | float, beta: float, weights: tuple[float, float]
) -> Tensor:
    """Kahneman-Tversky optimisation (arXiv 2402.01306, equation 7), the loss of each answer, shape (answers,).

    `ratios` are log-likelihoods less those of the base; `divergence` is how far the model is from the base (`kl_term`);
    `weights` are those of wanted and of unwanted answers.
    """
    sign = torch.where(is_wanted, 1.0, -1.0)
    weight = torch.where(is_wanted, weights[0], weights[1])
    return weight * (1 - torch.sigmoid(beta * sign * (ratios - divergence)))


def kl_term(ratios: Tensor) -> Tensor:
    """How far the model is from the base, in nats: the mean log-ratio of answers behind prompts that are not theirs,
    at least 0; no gradient goes through it."""
    return ratios.detach().mean().clamp(min=0)


def _log_of_rest(log_probability: Tensor) -> Tensor:
    """log(1 - p) of log(p), without cancellation."""
    known = log_probability.clamp(max=-LEAST_SURPRISE)
    return torch.where(known < -0.6931471805599453, torch.log1p(-torch.exp(known)), torch.log(-torch.expm1(known)))

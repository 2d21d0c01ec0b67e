"""The task `embed`: texts that belong together lie close. Its losses and metrics; it knows no file and opens no model.

Two kinds of examples: an anchor with texts that belong to it (pairs, triplets, queries with passages), and two texts
with a score. Which of them the data are decides the loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from sintonia.errors import UsageError
from sintonia.records import Example
from sintonia.settings import EmbedSettings

if TYPE_CHECKING:
    from torch import Tensor

NAME = "embed"
IN_WORDS = "comparing and finding texts"
HUB_TAG = "sentence-similarity"
BASE: Literal["encoder", "language"] = "encoder"
USUAL_BASE = "minilm"
METHOD = "full"
METRICS: tuple[str, ...] = ("ndcg_at_10", "recall_at_1", "recall_at_10", "spearman")
MICRO_TOKENS = 4096
"""Most tokens of an encoder computed at once: more falls out of the caches of a laptop."""
PROBE_EXAMPLES = 512
"""Most training examples whose loss is followed in evaluation mode; their texts are the corpus that is searched."""
HAS_CLASSES = False
LONGEST = 256
"""Tokens that are read of each text where nothing else is asked for."""

SCORED_FORM = "scored pair"
"""The name of the form whose rows are two texts and a score."""
SCALE = 20.0
"""Cosines are multiplied by this in both losses: a temperature of 0.05."""
_NEVER = -1e4
"""Logit of what is not there: its exponential is 0, and its gradient is a number, as that of minus infinity is not."""


def followed_metric(primary_metric: str) -> str:
    """The metric by which training chooses its best weights: the primary one itself.

    >>> followed_metric("spearman")
    'spearman'
    """
    return primary_metric


def refuse_idle(asked: EmbedSettings, form: str) -> None:
    """Refuses to look for wrong answers where pairs have scores: there is nothing to tell apart.

    Raises:
        UsageError: they were asked for.
    """
    if asked.negatives == "mined" and form == SCORED_FORM:
        raise UsageError("`embed.negatives` has no effect where pairs have scores", hint="leave it out")


def usual_metric(_is_imbalanced: bool, form: str) -> tuple[str, str]:
    """The primary metric where none is asked for, and why in words.

    >>> usual_metric(False, "scored pair")[0], usual_metric(False, "anchor and positive")[0]
    ('spearman', 'ndcg_at_10')
    """
    if form == SCORED_FORM:
        return "spearman", "the rows are pairs with a score: what counts is their order"
    return "ndcg_at_10", "the rows are texts that belong together: what counts is how high they are found"


def whole_content(asked: Mapping[str, Any], answer: Any) -> dict[str, Any]:
    """All of a row: an anchor with what belongs to it, or two texts with their score.

    >>> whole_content({"texts": ["a", "b"]}, 2.5)
    {'texts': ['a', 'b'], 'score': 2.5}
    """
    if "texts" in asked:
        return {"texts": list(asked["texts"]), "score": float(answer)}
    return {"anchor": asked["anchor"], "positives": list(answer["positives"]), "negatives": list(answer["negatives"])}


def has_scores(examples: Sequence[Example]) -> bool:
    """Whether the examples are pairs of texts with a score; never a mixture."""
    return bool(examples) and "score" in examples[0].whole


def texts_of(example: Example) -> list[str]:
    """All texts of an example, as they are written.

    >>> from sintonia.records import Place
    >>> content = {"anchor": "a", "positives": ["b"], "negatives": []}
    >>> texts_of(Example(id="", input="a", target="b", group="", place=Place(file="", line=1), content=content))
    ['a', 'b']
    """
    content = example.whole
    if "texts" in content:
        return list(content["texts"])
    return [content["anchor"], *content["positives"], *content["negatives"]]


def loss_in_words(is_scored: bool) -> str:
    """Which loss the data lead to, and why."""
    if is_scored:
        return "loss: CoSENT (of any two pairs, the one with the higher score is to have the higher cosine), for scores"
    return "loss: multiple negatives (each anchor is to find its own text among all of the batch), for texts that match"


def contrastive_loss(cosines: Tensor, is_own: Tensor, is_shut_out: Tensor) -> Tensor:
    """Mean over anchors of the nats of their own texts among all texts (InfoNCE; Oord et al. 2018).

    With one own text an anchor and nobody shut out it is `MultipleNegativesRankingLoss` of sentence-transformers. An
    anchor with several own texts counts as the mean over them, each weighed against what is not its own.

    Args:
        cosines: of anchors and texts, (anchors, texts).
        is_own: which texts belong to an anchor; at least one for each.
        is_shut_out: which are neither its own nor known not to be: they count for nothing.
    """
    import torch

    logits = cosines * SCALE
    others = logits.masked_fill(is_own | is_shut_out, _NEVER).logsumexp(dim=1, keepdim=True)
    nats = torch.logaddexp(others, logits) - logits
    counts = is_own.sum(dim=1)
    return (nats.masked_fill(~is_own, 0.0).sum(dim=1) / counts).mean()


def order_loss(cosines: Tensor, scores: Tensor) -> Tensor:
    """How far cosines of pairs are from the order of their scores: `CoSENTLoss` of sentence-transformers.

    log(1 + the sum of exp(20 (cosine of j - cosine of i)) over all pairs i, j with score i > score j). One number for
    the batch, both (pairs,).
    """
    import torch

    logits = cosines * SCALE
    differences = (logits[None, :] - logits[:, None])[scores[:, None] > scores[None, :]]
    return torch.cat((logits.new_zeros(1), differences)).logsumexp(dim=0)

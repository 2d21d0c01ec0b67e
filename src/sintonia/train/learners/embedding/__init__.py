"""The learner of embeddings: an encoder without a head, all of it, its highest layers, or adapters beside its weights.

What is compared with what in a step is `batch.py`; how large batches fit is `cached.py`; hard negatives, `mining.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sintonia.metrics import METRICS
from sintonia.models.adapters import attach_adapters
from sintonia.models.embeddings.answers import answer
from sintonia.models.embeddings.links import link, pair
from sintonia.models.embeddings.ranking import Cosines
from sintonia.models.embeddings.saved import save_embedder
from sintonia.models.forward import compute_features
from sintonia.models.frozen.freezing import freeze_lowest
from sintonia.models.open import OpenBase, open_base
from sintonia.models.pooled import without_adapters
from sintonia.models.tokens import pad, thrifty_groups, tokenize
from sintonia.tasks.embed import has_scores, loss_in_words, order_loss, texts_of
from sintonia.train.job import Job
from sintonia.train.learners.embedding.batch import compare_in_batch
from sintonia.train.learners.embedding.cached import backward_cached, backward_whole
from sintonia.train.learners.embedding.mining import mine
from sintonia.train.learners.learner import Answers, Learner, adapter_plan
from sintonia.train.learners.vocabulary import CompactVocabulary

__all__ = ["EmbeddingLearner"]

OVERHEAD_TOKENS = 64
"""What one more forward and backward pass costs, in padded tokens of a small encoder (measured on 2 cores)."""
_KEPT = "vocabulary.kept"


class EmbeddingLearner(Learner):
    """An encoder that learns which texts belong together, or how near two texts are."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        training = job.recipe.training
        self._micro_tokens = int(training.micro_tokens)
        self.base: OpenBase = open_base(job.base, int(training.max_tokens))
        self.model = self.base.model
        self.is_scored = has_scores(job.train)
        self.autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=training.precision == "bf16")
        texts = sorted({text for one in (*job.train, *job.validation) for text in texts_of(one)})
        tokens = tokenize(self.base.tokenizer, texts, self.base.max_tokens).ids
        self.kept = 1.0
        """What weight decay has left of the word vectors that no text uses (see `vocabulary.py`)."""
        self.vocabulary = CompactVocabulary(self.model, tokens)
        self._rows = dict(zip(texts, self.vocabulary.rows(tokens), strict=True))
        self.lengths = [sum(len(self._rows[text]) for text in texts_of(one)) for one in job.train]
        self.tokens_id = hashlib.sha256(repr((texts, tokens)).encode()).hexdigest()[:16]
        self._pairs = pair(job.train) if self.is_scored else None
        self._links = None if self.is_scored else link(job.train)
        self.mined: dict[int, int] = {}
        """By the position of an example, the hard negative that was found for it."""
        self._open_for_training()
        self._parameters = {
            name: value
            for name, value in self.model.named_parameters()
            if value.requires_grad and ".pooler." not in name
        }

    def _open_for_training(self) -> None:
        """Sets dropout, and leaves only those weights to train that the method trains."""
        recipe = self.job.recipe
        self.model.train()
        for module in self.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = float(recipe.training.dropout)
        if recipe.method == "lora":
            attach_adapters(self.model.transformer, adapter_plan(self.job), self.job.seed("adapters"))
        freeze_lowest(self.model.transformer, self.num_frozen)

    def prepare(self) -> Iterator[str]:
        """Says which loss the data lead to, and mines hard negatives where they are wanted."""
        yield loss_in_words(self.is_scored)
        if self.num_frozen and self.job.recipe.training.cache == "on":
            yield f"the {self.num_frozen} frozen layers are computed each time: of embeddings no states are kept"
        links = self._links
        if links is None or _negatives(self.job) != "mined":
            return
        yield f"hard negatives: the base reads {len(links.texts):,} training texts to find them"
        found = mine(links, self._near(links.texts))
        self.mined = found.negatives
        yield found.in_words(len(self.job.train))

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        return self._parameters

    @property
    def micro_tokens(self) -> int:
        return self._micro_tokens

    @micro_tokens.setter
    def micro_tokens(self, most: int) -> None:
        self._micro_tokens = most

    def accumulate(self, positions: Sequence[int]) -> float:
        texts, loss = self._step(positions)
        lengths = [len(self._rows[text]) for text in texts]
        groups = thrifty_groups(lengths, self.micro_tokens, OVERHEAD_TOKENS)
        num_tokens = sum(len(group) * max(lengths[k] for k in group) for group in groups)
        backward = backward_whole if num_tokens <= self.micro_tokens else backward_cached
        return backward(groups, lambda group: self._features([texts[k] for k in group]), loss)

    def _step(self, positions: Sequence[int]) -> tuple[list[str], Callable[[Tensor], Tensor]]:
        """The texts of a step, each once, and the loss of their features."""
        chosen = list(positions)
        if self._links is not None:
            compared = compare_in_batch(self._links, chosen, self.mined)
            return [self._links.texts[k] for k in compared.texts.tolist()], compared.loss
        pairs = self._pairs
        if pairs is None:
            raise RuntimeError("there is nothing to learn from")
        texts = np.union1d(pairs.first[chosen], pairs.second[chosen])
        first, second = (torch.from_numpy(np.searchsorted(texts, one[chosen])) for one in (pairs.first, pairs.second))
        scores = torch.from_numpy(pairs.scores[chosen])
        names = [pairs.texts[k] for k in texts.tolist()]
        return names, lambda features: order_loss((features[first] * features[second]).sum(dim=1), scores)

    def _features(self, texts: Sequence[str]) -> Tensor:
        with self.autocast:
            out = self.model.features(*pad([self._rows[text] for text in texts]))
        return out.float()

    def _near(self, texts: Sequence[str]) -> Cosines:
        """Cosines of texts by the weights as they are, in evaluation mode."""
        return Cosines(compute_features(self.model, [self._rows[text] for text in texts]))

    def score_train(self, positions: Sequence[int]) -> Answers:
        examples = [self.job.train[position] for position in positions]
        found = answer(examples, self._near)
        return Answers(losses=tuple(found.losses.tolist()), correct=found.correct, metric=float("nan"))

    def score_validation(self) -> Answers:
        examples = self.job.validation
        found = answer(examples, self._near)
        metric = METRICS[self.job.primary_metric].function([one.target for one in examples], found.predictions)
        return Answers(losses=tuple(found.losses.tolist()), correct=found.correct, metric=metric)

    def stepped(self, learning_rate: float) -> None:
        if self.vocabulary.module.weight.requires_grad:
            self.kept *= 1.0 - learning_rate * float(self.job.recipe.training.weight_decay)

    def weights(self) -> dict[str, Tensor]:
        return super().weights() | {_KEPT: torch.tensor(self.kept, dtype=torch.float64)}

    def load(self, weights: dict[str, Tensor]) -> None:
        super().load(weights)
        self.kept = float(weights[_KEPT])

    def save(self, folder: Path) -> None:
        without_adapters(self.model)
        module = self.vocabulary.module
        module.weight = nn.Parameter(self.vocabulary.expand(module.weight.detach(), self.kept))
        save_embedder(self.model, self.base.tokenizer, folder, max_tokens=self.base.max_tokens)


def _negatives(job: Job) -> str:
    """Where wrong answers come from, as the recipe says."""
    return job.recipe.embed.negatives

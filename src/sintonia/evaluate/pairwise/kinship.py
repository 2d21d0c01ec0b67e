"""Whether a judge is kin to the base that was tuned: models prefer what they, or their kin, would have written."""

from __future__ import annotations

import re

from sintonia.errors import SintoniaError
from sintonia.evaluate.pairwise.judges import judging_base
from sintonia.evaluate.pairwise.planning import JudgePlan
from sintonia.models.catalog import catalog, find_entry
from sintonia.records import Base

LONG_NAMES = re.compile(
    "smollm|qwen|llama|mistral|mixtral|gemma|gemini|claude|deepseek|falcon|olmo|granite|minicpm|internlm|pythia|"
    "stablelm|exaone|nemotron|jamba|mamba"
)
SHORT_NAMES = frozenset({"gpt", "phi", "opt", "glm", "yi", "bloom", "rwkv", "command"})
"""Only as whole words: `opt` is no part of `optimised`."""


def is_same_base(plan: JudgePlan, base: Base) -> bool:
    """Whether the judge is the very base that was tuned."""
    if plan.endpoint is not None:
        return False
    own = judging_base(plan.name)
    return own.revision == base.revision


def kinship(plan: JudgePlan, base: Base) -> str:
    """What a judge and the base have in common, in words; empty where nothing is known.

    Names tell a family; so do, on this machine, the kind of the model together with the size of its vocabulary.
    """
    build = _build(base.reference) if plan.endpoint is None else None
    if build is not None and _build(plan.name) == build:
        return "it has the architecture and the vocabulary of the base"
    name = plan.endpoint.model if plan.endpoint else plan.name
    common = families(name) & families(base.reference)
    return f"it is of the family of the base ({', '.join(sorted(common))})" if common else ""


def families(reference: str) -> set[str]:
    """The families of models that a name speaks of.

    >>> sorted(families("hf:Qwen/Qwen2.5-0.5B")), families("file:/home/opt/optimised-7b")
    (['qwen'], set())
    """
    known_as = [name for name, entry in catalog().items() if reference in (name, entry.reference)]
    name = " ".join([reference.rstrip("/").rpartition("/")[2], *known_as]).lower()
    return set(LONG_NAMES.findall(name)) | (SHORT_NAMES & set(re.findall("[a-z]+", name)))


def _build(reference: str) -> tuple[str, int] | None:
    """The kind of a model and the size of its vocabulary; None where its files are not here any more."""
    from sintonia.models.shape import read_shape
    from sintonia.models.sources import locate

    try:
        shape = read_shape(locate(find_entry(reference)))
    except SintoniaError:
        return None
    return shape.model_type, shape.vocabulary_size

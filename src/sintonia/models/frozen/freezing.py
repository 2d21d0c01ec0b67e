"""Which layers of a model keep their weights. It works on encoders and on language models, and trains nothing."""

from __future__ import annotations

from torch import nn

from sintonia.errors import UsageError


def layers_of(model: nn.Module) -> nn.ModuleList:
    """The layers of a transformer, lowest first: its longest list of modules."""
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    return max(lists, key=len, default=nn.ModuleList())


def freeze_lowest(model: nn.Module, num_layers: int) -> None:
    """The word vectors and the lowest layers keep their weights, and drop no activation; with 0 nothing is frozen.

    All that a model computes before its layer `num_layers` is below; what comes after (a last norm, a head of its own)
    still trains. A head that shares its weights with the word vectors is frozen with them.

    Raises:
        UsageError: its layers cannot be told apart, or none would be left to train.
    """
    if not num_layers:
        return
    lowest_trained = _separate_layers(model)[num_layers:][:1]
    if not lowest_trained:
        raise UsageError(
            f"{num_layers} layers cannot be frozen: the base has {len(layers_of(model))}", hint="freeze fewer layers"
        )
    _freeze_below(model, lowest_trained[0])


def freeze_embeddings(model: nn.Module) -> None:
    """All tables (of words, positions, types) keep their weights, and a head that shares them: which rows of a table
    change says which words were learned from."""
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            module.requires_grad_(False)


def _separate_layers(model: nn.Module) -> nn.ModuleList:
    """The layers, as many as the settings of the model say: some use the weights of one layer several times.

    Raises:
        UsageError: there are more or fewer.
    """
    layers, settings = layers_of(model), getattr(model, "config", None)
    text = getattr(settings, "text_config", None) or settings
    expected = getattr(text, "num_hidden_layers", len(layers))
    if len(layers) != expected:
        raise UsageError(
            f"the layers of this base cannot be frozen apart: it computes {expected}, its weights hold {len(layers)} "
            f"(its type is {getattr(settings, 'model_type', 'unknown')})",
            hint="leave out `training.frozen_layers` and `lora.layers`, or take another base",
        )
    return layers


def _freeze_below(model: nn.Module, lowest_trained: nn.Module) -> None:
    for module in model.modules():  # in the order in which they are computed
        if module is lowest_trained:
            return
        if any(one is lowest_trained for one in module.modules()):
            continue
        for parameter in module.parameters():
            parameter.requires_grad_(False)
        for one in module.modules():
            if isinstance(one, nn.Dropout):
                one.p = 0.0

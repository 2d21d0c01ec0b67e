"""Which layers of a model keep their weights. It works on encoders and on language models, and trains nothing."""

from __future__ import annotations

from torch import nn


def layers_of(model: nn.Module) -> nn.ModuleList:
    """The layers of a transformer, lowest first: its longest list of modules."""
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    return max(lists, key=len, default=nn.ModuleList())


def freeze_lowest(model: nn.Module, num_layers: int) -> None:
    """The word vectors and the lowest layers keep their weights, and drop no activation; with 0 nothing is frozen.

    All that a model computes before its layer `num_layers` is below; what comes after (a last norm, a head of its own)
    still trains. A head that shares its weights with the word vectors is frozen with them.
    """
    if not num_layers:
        return
    lowest_trained = layers_of(model)[num_layers]
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

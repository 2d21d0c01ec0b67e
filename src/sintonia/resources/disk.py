"""The room on the disk that a training needs besides its base: checkpoints and the model. Pure functions."""

from __future__ import annotations

from sintonia.methods import METHODS
from sintonia.resources.estimate import num_trained
from sintonia.resources.plan import LanguageShape
from sintonia.settings import Recipe
from sintonia.tasks import TASKS

_CHECKPOINTS = 2 * 1.1
"""Two are kept, and a tenth is left for what they hold besides (`train/checkpoint.py`: a test holds them together)."""


def training_disk_parts(recipe: Recipe, shape: LanguageShape) -> dict[str, int]:
    """Bytes of the checkpoints and of the saved model; `recipe` has its task and method named.

    A checkpoint holds the weights that train, two moments of each, and the copies of them that may be the best.
    """
    training, trained = recipe.training, num_trained(recipe, shape)
    copies = (4 if training.averaging else 2) - (training.checkpoint_steps == "validation")
    is_whole = TASKS[recipe.task].BASE != "language" or not METHODS[recipe.method].has_adapters
    return {
        "checkpoints": int(_CHECKPOINTS * 4 * (3 + copies) * trained),
        "model": 4 * (shape.num_parameters if is_whole else trained),
    }

"""Fine-tuning jobs: from a request to a recipe, to a run folder in a process of its own, to its results.

The pipeline does the work; nothing here trains or judges.
"""

from sintonia.serve.jobs.asking import Asked, method_of, recipe_from, settings_of, shown_hyperparameters
from sintonia.serve.jobs.results import checkpoints_of, kept_checkpoint
from sintonia.serve.jobs.scheduler import DATA, VALIDATION, Scheduler

__all__ = [
    "DATA",
    "VALIDATION",
    "Asked",
    "Scheduler",
    "checkpoints_of",
    "kept_checkpoint",
    "method_of",
    "recipe_from",
    "settings_of",
    "shown_hyperparameters",
]

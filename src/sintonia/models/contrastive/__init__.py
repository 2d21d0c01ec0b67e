"""Encoders tuned by comparing few texts with each other: gradients of a batch, and all of it at once."""

from sintonia.models.contrastive.fitting import Fit, features_of, tuned_encoder
from sintonia.models.contrastive.gradients import Features, add_gradients

__all__ = ["Features", "Fit", "add_gradients", "features_of", "tuned_encoder"]

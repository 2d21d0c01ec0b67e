"""Layers that keep their weights: which they are, and what they say computed once and kept. It trains nothing."""

"""Live weights: where they come from, how they are opened, and what is computed with them once for all phases.

The only room that loads models. It decides nothing about data, training or judging.
"""

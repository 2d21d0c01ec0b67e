"""Texts that are to be labelled: read from a pool, written for other tools, and their answers read back."""

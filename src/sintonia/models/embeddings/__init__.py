"""Embeddings of texts: who belongs to whom, who is found where, whether they are all alike, and how they are saved.

Nothing here trains, and no file of data is read.
"""

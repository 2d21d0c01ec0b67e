"""Bases in order: which may be ranked, on which examples, by which scores, after which short trainings."""

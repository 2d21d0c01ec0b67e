"""The nouns of privacy: what was measured about the data of a run, never the data themselves."""

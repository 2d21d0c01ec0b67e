"""Learning which of two answers is preferred: the losses, and how a pair is computed. No data are read here."""

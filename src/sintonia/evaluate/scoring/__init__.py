"""What a saved candidate does on a set of examples, one file for each kind of answer. No rung is scored here."""

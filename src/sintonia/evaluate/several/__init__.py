"""Several runs on one test: their models, and their recipes over seeds. Pure; a verdict on one run is never here."""

"""Exported models, each read in a runtime of its own: `language` beside `texts`. They are compared elsewhere."""

"""The end of a run: the opened test is scored, judged, looked behind, and what came of it is put in place."""

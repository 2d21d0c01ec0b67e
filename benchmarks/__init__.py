"""One file a question, always side by side with a peer: `python -m benchmarks.NAME`."""

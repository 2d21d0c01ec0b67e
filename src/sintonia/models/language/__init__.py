"""Live causal language models: opened, rendered for, computed with, saved. It reads no data and decides nothing."""

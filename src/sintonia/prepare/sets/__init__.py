"""Which row goes into which set: the split, its record, what leaks between sets, and the sets as files."""

"""Rows out of data, runs and models: what saw them, what is removed, and what is said of it. It trains nothing."""

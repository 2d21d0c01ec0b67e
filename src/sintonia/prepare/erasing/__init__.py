"""Rows taken out of a data file, and out of what is recorded beside it. Which rows those are, a person has said."""

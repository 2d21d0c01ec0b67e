"""Rows that a person adds for training: files read in their own form, and rows placed beside a split that stays."""

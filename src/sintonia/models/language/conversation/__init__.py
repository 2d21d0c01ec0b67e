"""From a conversation to text by a chat template, from text to its learned parts, from those to tokens."""

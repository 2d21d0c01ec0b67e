"""What the conversations of a data set amount to, in the words of a person. It reads rows and decides nothing."""

from __future__ import annotations

from sintonia.prepare.rows import Rows
from sintonia.tasks.chat import learned_positions


def count_conversations(rows: Rows) -> str:
    """How many conversations there are, how many messages they have and how many answers are learned."""
    num_messages = num_learned = num_texts = num_with_tools = 0
    longest, shortest = 0, 0
    for row in rows.scan():
        messages = [*row.input["messages"], row.target]
        if len(messages) == 1:
            num_texts += 1
            continue
        num_messages += len(messages)
        num_learned += len(learned_positions(messages))
        num_with_tools += "tools" in row.input
        longest, shortest = max(longest, len(messages)), min(shortest or len(messages), len(messages))
    num_conversations = len(rows) - num_texts
    if not num_conversations:
        return f"texts: {num_texts:,}, learned from as they are"
    each = f"{longest} messages each" if longest == shortest else f"{shortest} to {longest} messages"
    told = f"conversations: {num_conversations:,} of {each} ({num_messages:,} in all), {num_learned:,} answers learned"
    told += f"; {num_with_tools:,} with tools" if num_with_tools else ""
    return told + (f"; and {num_texts:,} texts, learned from as they are" if num_texts else "")

"""What is done about findings: safe repairs, a review of suspect rows, and the decisions that came of it."""

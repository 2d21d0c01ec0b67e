"""What language models write by themselves: the very same prompts for every subject, one scorecard of texts each."""

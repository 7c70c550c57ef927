"""Language models small enough to count: tokens, a tokenizer and an n-gram model. They know nothing of runs."""

"""The pages: review, vocabulary, traces, transitions."""

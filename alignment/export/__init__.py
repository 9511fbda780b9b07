"""The training set: pooled, written to a folder, and read back as weighted tokens."""

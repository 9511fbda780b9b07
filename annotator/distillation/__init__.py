"""A small head learnt from given labels, and annotation with it."""

"""Moves between categories: matrices, weights, how sure they are, and their pictures."""

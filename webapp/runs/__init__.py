"""Runs as they go: how far they are, what they cost, and what they came to."""

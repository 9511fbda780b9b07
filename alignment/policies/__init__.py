"""Policies: loaded or made on the spot, their log-probabilities, what they generate."""

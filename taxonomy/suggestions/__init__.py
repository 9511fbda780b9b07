"""What blind reviewers would change for everybody: what it comes to, and the answers to it."""

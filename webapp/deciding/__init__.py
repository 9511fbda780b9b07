"""What a decision can be, what it would do, and that it is obeyed once."""

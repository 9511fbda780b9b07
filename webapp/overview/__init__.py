"""What the overview counts, and what each number counts."""

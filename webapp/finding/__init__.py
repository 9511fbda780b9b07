"""Which traces are wanted, and whose labels are shown on them."""

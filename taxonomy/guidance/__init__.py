"""What is known of some labels, spread to all others: beliefs, and what to ask next."""

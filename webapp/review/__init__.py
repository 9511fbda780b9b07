"""A version under review as one visitor may see it."""

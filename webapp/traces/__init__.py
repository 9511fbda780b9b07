"""A trace and its segments as pages show them."""

"""Open labels: the inventory, what a label says and means, and which are near each other."""

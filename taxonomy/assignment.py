"""Places for labels outside every cluster, and proposed categories for clusters."""

# Beyond this cosine distance a label is not said to belong to the nearest cluster.
NEAREST_LIMIT = 0.5

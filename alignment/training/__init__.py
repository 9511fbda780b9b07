"""Training by the segment-weighted KTO loss, from a recipe to a checkpoint."""

"""A frozen vocabulary and labels in, an aligned policy out."""

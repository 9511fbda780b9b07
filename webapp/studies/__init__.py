"""Studies of segments: their cards, figures and comparisons."""

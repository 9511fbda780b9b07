"""Matrices of transitions, and heatmaps of all kinds."""

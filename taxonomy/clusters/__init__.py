"""Clusters of labels: found, named, completed, halved, and held against one another."""

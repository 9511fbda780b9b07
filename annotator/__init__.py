"""Traces in, label instances and controlled labels out."""

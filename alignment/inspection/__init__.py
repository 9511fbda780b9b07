"""Matrices looked at: by group, by level, with what stands behind a cell, and what if."""

"""Versions of the vocabulary: drafted, signed row by row, frozen, carried over to the next."""

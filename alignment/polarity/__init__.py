"""Which traces are to be learnt from, and which are not: exact match, pairs, candidates."""

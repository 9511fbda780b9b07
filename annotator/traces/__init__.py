"""Traces from files of any shape into rows, and thinking cut into segments."""

"""The review of a version: views, queue, curation, undo, blind verdicts, other clusterings."""

"""The labeler and the annotators that need no language model: meaning, cues, position."""

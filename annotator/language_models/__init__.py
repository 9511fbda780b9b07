"""Labelers and annotators that are language models: asked, and their replies read."""

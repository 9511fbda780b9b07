"""The one door to models: embeddings, chat, limits, budget, cache, prompts."""

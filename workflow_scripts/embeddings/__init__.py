"""Embeddings of sentences and words, and their files; stages that embed."""

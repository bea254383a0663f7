"""Measures of a space of sentence embeddings that tell an alignment of languages from a shift of the space."""

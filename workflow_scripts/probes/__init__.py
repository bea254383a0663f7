"""Light probes on frozen embeddings, trained in one language and tested in others."""

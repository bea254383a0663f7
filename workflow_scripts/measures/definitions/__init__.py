"""The measures of a space of sentence embeddings; each module of this folder is found by being here."""

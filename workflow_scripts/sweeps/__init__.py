"""Generated texts, their languages, and perplexity, by the number of experts; stages that measure them."""

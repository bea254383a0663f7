"""What the texts of two languages have in common: character trigrams and subwords (Jaccard index of their sets).

Blaschke et al. (2025) compare data sets by such overlaps, beside the similarity of their languages.
"""

from collections.abc import Collection, Hashable, Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def trigrams(sentences: Iterable[str]) -> set[str]:
    """Return the distinct character trigrams of the words of sentences, whose case is folded.

    Words are what white space parts; a space stands for each end of a word, so that trigrams at its ends are others
    than inside. Nothing is taken off: digits and punctuation count.
    """
    words = {word for sentence in sentences for word in sentence.casefold().split()}
    return {f" {word} "[start : start + 3] for word in words for start in range(len(word))}


def subwords(sentences: Iterable[str], tokenizer: "PreTrainedTokenizerBase") -> set[int]:
    """Return the distinct tokens of uncut sentences by a model's own tokenizer, without special tokens."""
    return {
        token for tokens in tokenizer(list(sentences), add_special_tokens=False)["input_ids"] for token in tokens
    } - set(tokenizer.all_special_ids)


def jaccard(sets: Collection[set[Hashable]]) -> np.ndarray:
    """Return the share of the union of two sets that is in both, for all pairs [sets, sets]; NaN for empty sets."""
    sizes = [[(len(one & other), len(one | other)) for other in sets] for one in sets]
    return np.array([[common / either if either else np.nan for common, either in row] for row in sizes])

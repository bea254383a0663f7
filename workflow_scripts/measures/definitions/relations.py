"""Whether two languages lay sentences out in the same way: debiased linear CKA, representational similarity.

Both compare the relations among the sentences of one language with those among their translations. Neither needs that a
sentence lies where its translation does: rotations, scales and, for CKA, constants of a language do not matter.
"""

import math

import numpy as np

from workflow_scripts.measures.registry import measure
from workflow_scripts.measures.rounding import rounding_of_cosine
from workflow_scripts.measures.vectors import unit_vectors

LEAST_SENTENCES = 4  # for which the unbiased estimate exists


@measure("cka", "debiased linear CKA", of="pairs", moves=False)
def debiased_cka(embeddings: np.ndarray) -> np.ndarray:
    """Return the linear CKA of every two languages by the unbiased estimate of HSIC: [languages, languages].

    CKA is Kornblith et al. 2019, equation 4; the estimate is Song et al. 2012, in the form of inner products of
    U-centred matrices (Székely & Rizzo 2014). Unlike the biased one, it is 0 on average for unrelated sentences,
    however many dimensions there are.

    Args:
        embeddings: Translations in the same row, [languages, sentences, d].

    Returns:
        NaN where a language's sentences are all the same, or there are fewer than four.
    """
    languages, sentences, _ = embeddings.shape
    if sentences < LEAST_SENTENCES:
        return np.full((languages, languages), np.nan)
    rows, columns = np.triu_indices(sentences, k=1)
    relations = np.empty((languages, len(rows)))
    for language, side in enumerate(embeddings):
        exact = side - side.mean(axis=0, dtype=np.float64)
        relations[language] = u_centred(exact @ exact.T)[rows, columns]
    return _normalised(relations @ relations.T)


@measure("cka_over_shuffled", "CKA in standard deviations of CKA when sentences are shuffled", of="pairs", moves=False)
def cka_over_shuffled(embeddings: np.ndarray) -> np.ndarray:
    """Return `debiased_cka` over `shuffled_cka_deviation`: [languages, languages]."""
    return debiased_cka(embeddings) / shuffled_cka_deviation(embeddings.shape[1])


def shuffled_cka_deviation(sentences: int) -> float:
    """Return the standard deviation of `debiased_cka` when the sentences of one of two languages are shuffled, whatever
    they are.

    Over all permutations the mean is 0, since U-centred matrices sum to 0, and the variance, from the sums over pairs
    of entries that share two, one or no index, is 2 / (n (n − 3)). So no shuffling is needed to know what chance gives.
    """
    return math.sqrt(2 / (sentences * (sentences - 3))) if sentences >= LEAST_SENTENCES else math.nan


def u_centred(gram: np.ndarray) -> np.ndarray:
    """Return a Gram matrix [n, n] with a diagonal of zeros and rows that sum to zero (Székely & Rizzo 2014, definition
    2).
    """
    count = len(gram)
    gram = gram.copy()
    np.fill_diagonal(gram, 0)
    sums = gram.sum(axis=0) / (count - 2)
    gram += sums.sum() / (count - 1) - sums - sums[:, None]
    np.fill_diagonal(gram, 0)
    return gram


@measure("rsa", "representational similarity: Spearman correlation of the cosine distances among sentences", of="pairs")
def representational_similarity(embeddings: np.ndarray) -> np.ndarray:
    """Return the Spearman correlation of the cosine distances among sentences in one language with those in another.

    RSA (Kriegeskorte et al. 2008) of every two languages: [languages, languages], NaN where the distances in a language
    are constant. `embeddings` is [languages, sentences, d], translations in the same row.

    Raises:
        StudyError: an embedding is zero.
    """
    languages, sentences, d = embeddings.shape
    rows, columns = np.triu_indices(sentences, k=1)
    relations = np.empty((languages, len(rows)))
    for language, side in enumerate(embeddings):
        units = unit_vectors(side)
        ranks = midranks((units @ units.T)[rows, columns], rounding_of_cosine(d))
        relations[language] = ranks - ranks.mean() if len(ranks) else ranks
    return _normalised(relations @ relations.T)


def midranks(values: np.ndarray, error: float = 0.0) -> np.ndarray:
    """Return the ranks of values [n] from 1: how many others are lower, and half of those that tie.

    Values that differ by no more than twice `error`, the bound on that of each, tie.
    """
    order = np.argsort(values)
    ascending = values[order]
    lower = np.searchsorted(ascending, ascending - 2 * error, side="left")
    not_higher = np.searchsorted(ascending, ascending + 2 * error, side="right")
    ranks = np.empty(len(values))
    ranks[order] = (lower + not_higher + 1) / 2
    return ranks


def _normalised(products: np.ndarray) -> np.ndarray:
    """Inner products [n, n] over the lengths of both sides."""
    lengths = np.sqrt(np.diagonal(products))
    with np.errstate(invalid="ignore", divide="ignore"):
        return products / np.outer(lengths, lengths)

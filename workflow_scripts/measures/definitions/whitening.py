"""Whitening: a cheap baseline for embeddings alone, which evens out all directions in which a space varies.

Su et al. (2021, "Whitening Sentence Representations for Better Semantics and Faster Retrieval") keep the 256 principal
components of the largest variance and scale each to variance 1.
"""

import numpy as np

from workflow_scripts.measures.definitions.rankings import accuracy
from workflow_scripts.measures.registry import COSINE, measure
from workflow_scripts.measures.scores import scores_of_every_two
from workflow_scripts.measures.vectors import language_means

COMPONENTS = 256
# At least, since with as many components as sentences all of these would be equally far from each other.
SENTENCES_PER_COMPONENT = 4


@measure(
    "whitened_accuracy",
    "share of queries whose most similar candidate is the right one, by cosine after whitening of the space",
    of="pairs",
    moves=False,
)
def whitened_accuracy(embeddings: np.ndarray) -> np.ndarray:
    """Return the top-1 accuracy of every language (row) as query for every other (column): [languages, languages].

    NaN on the diagonal, and everywhere of a space without variance. `embeddings` is [languages, sentences, d].
    """
    found = np.full((len(embeddings),) * 2, np.nan)
    white = whitened(embeddings)
    if white.shape[-1]:
        for one, other, scores in scores_of_every_two(white, [COSINE]):
            found[one, other], found[other, one] = accuracy(scores[COSINE]), accuracy(scores[COSINE].transposed)
    return found


def whitened(embeddings: np.ndarray) -> np.ndarray:
    """Return embeddings [languages, sentences, d] less their mean in principal components, each of variance 1.

    float64 [languages, sentences, k]: k is 256, or as many as have a variance, or a fourth of the sentences of all
    languages, whichever is least.
    """
    languages, sentences, d = embeddings.shape
    centre = language_means(embeddings).mean(axis=0)
    covariance = np.zeros((d, d))
    for side in embeddings:
        exact = side - centre
        covariance += exact.T @ exact
    covariance /= languages * sentences
    variances, directions = np.linalg.eigh(covariance)
    varied = int(np.count_nonzero(variances > d * np.finfo(np.float64).eps * max(variances[-1], 0)))
    kept = min(COMPONENTS, varied, max(1, languages * sentences // SENTENCES_PER_COMPONENT))
    scaled = directions[:, d - kept :] / np.sqrt(variances[d - kept :])
    return np.stack([(side - centre) @ scaled for side in embeddings])

"""How well translations are found in a space, and how evenly: ranks of the right candidates, and hubness.

Every measure is a number made of `Scores` [n, n], in which the right candidate of query i is candidate i. Ties are
broken as by fair draws, and what is returned is the mean over these draws.
"""

import numpy as np

from workflow_scripts.measures.registry import ranking
from workflow_scripts.measures.scores import Scores

HUB_NEIGHBOURS = 10  # Radovanović et al. 2010


@ranking("accuracy", "share of queries whose most similar candidate is the right one", by_every_similarity=True)
def accuracy(scores: Scores) -> float:
    """Return the top-1 accuracy: the mean of what each query counts."""
    return float(counted(scores).mean())


def counted(scores: Scores) -> np.ndarray:
    """Return what each query counts: 1/m if its right candidate shares the highest score with m in all, else 0: [n]."""
    return (scores.ahead == 0) / scores.ties


@ranking("reciprocal_rank", "mean reciprocal rank of the right candidate", by_every_similarity=True)
def reciprocal_rank(scores: Scores) -> float:
    """Return the mean reciprocal rank of the right candidates; the rank of the best candidate is 1."""
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(scores.values) + 1))])
    return float(((harmonic[scores.ahead + scores.ties] - harmonic[scores.ahead]) / scores.ties).mean())


@ranking("mean_rank", "mean rank of the right candidate, 1 being the best", by_every_similarity=True)
def mean_rank(scores: Scores) -> float:
    """Return the mean rank of the right candidates; the rank of the best candidate is 1."""
    return float((scores.ahead + (scores.ties + 1) / 2).mean())


@ranking("hubness", "skewness of how often each candidate is among the ten nearest of a query")
def hubness(scores: Scores) -> float:
    """Return the skewness of `k_occurrence` (Radovanović et al. 2010, section 2)."""
    return skewness(k_occurrence(scores, HUB_NEIGHBOURS))


@ranking("never_retrieved", "share of candidates that are no query's nearest")
def never_retrieved(scores: Scores) -> float:
    """Return the share of candidates that are the best of no query."""
    values = scores.values
    best = values >= values.max(axis=1, keepdims=True) - 2 * scores.error
    if np.count_nonzero(best) == len(values):  # no ties
        return float(1 - best.any(axis=0).mean())
    missed = 1 - best / np.count_nonzero(best, axis=1)[:, None]  # by each query
    return float(missed.prod(axis=0).mean())


@ranking("mexa", "share of sentences that are nearer to their translation than to any other, and it to them")
def mexa(scores: Scores) -> float:
    """Return the share of translations whose score exceeds all others in its row and its column.

    MEXA of a language and its pivot (Kargaran et al. 2024, equation 1); as there, a tie does not count.
    """
    others = scores.values.copy()
    np.fill_diagonal(others, -np.inf)
    nearest = np.maximum(others.max(axis=0), others.max(axis=1))
    return float((np.diagonal(scores.values) > nearest + 2 * scores.error).mean())


def k_occurrence(scores: Scores, k: int) -> np.ndarray:
    """Return how many queries have each candidate among their k best: [candidates].

    Of candidates that tie for the last places, each has its share of them.
    """
    values, tie = scores.values, 2 * scores.error
    k = min(k, values.shape[1])
    last = np.partition(values, -k, axis=1)[:, -k, None]
    reached = values >= last - tie
    if np.count_nonzero(reached) == k * len(values):  # no ties
        return np.count_nonzero(reached, axis=0).astype(np.float64)
    above = values > last + tie
    at = reached & ~above
    share = (k - np.count_nonzero(above, axis=1)) / np.count_nonzero(at, axis=1)
    return np.count_nonzero(above, axis=0) + share @ at


def skewness(values: np.ndarray) -> float:
    """Return the third standardised moment of values [n]; NaN where they are constant."""
    deviations = values - values.mean()
    variance = (deviations**2).mean()
    if variance <= 1e-12 * max(1.0, float(np.abs(values).max())) ** 2:
        return float("nan")
    return float((deviations**3).mean() / variance**1.5)

"""How well translations are found in a space, and how evenly: ranks of the right candidates, and hubness.

All from one matrix of cosines for two languages. It is float64, since an intervention pulls sentences so close together
that float32 would tie them. Scores that differ by no more than rounding tie. Ties are broken as by fair draws, and what
is given is the mean over these draws.
"""

from itertools import combinations

import numpy as np

from workflow_scripts.lib.distances import unit_vectors
from workflow_scripts.lib.retrieval import MARGIN_NEIGHBOURS
from workflow_scripts.lib.rounding import rounding_of_cosine

CSLS_NEIGHBOURS = 10  # Conneau et al. 2018
HUB_NEIGHBOURS = 10  # Radovanović et al. 2010

RANKED = ("accuracy", "reciprocal_rank", "mean_rank")
BY_COSINE = ("hubness", "never_retrieved", "mexa")


def searches(embeddings: np.ndarray, rescored: bool = True) -> dict[str, np.ndarray]:
    """Every measure of search, of every language (row) as query in every other (column): [languages, languages].

    Args:
        embeddings: Translations in the same row, [languages, sentences, d].
        rescored: Whether to rank by `margin` and `csls`, too, and not by `cosine` alone.

    Returns:
        `cosine_accuracy` (top-1), `cosine_reciprocal_rank` and `cosine_mean_rank` (1 is best); the same by `margin`
        (the ratio of Artetxe & Schwenk 2019, equation 2) and `csls` (Conneau et al. 2018, section 2.3); and by cosine
        `hubness`, the skewness of how often each candidate is among a query's nearest ten (Radovanović et al. 2010),
        `never_retrieved`, the share of candidates that are no query's nearest, and `mexa`, which is the same in both
        directions. NaN on the diagonals.

    Raises:
        StudyError: an embedding is zero.
    """
    count = len(embeddings)
    sides = [unit_vectors(side) for side in embeddings]
    error = rounding_of_cosine(embeddings.shape[-1])
    similarities = ["cosine", *(["margin", "csls"] if rescored else [])]
    names = [*(f"{similarity}_{measure}" for similarity in similarities for measure in RANKED), *BY_COSINE]
    found = {name: np.full((count, count), np.nan) for name in names}
    for one, other in combinations(range(count), 2):
        cosines = sides[one] @ sides[other].T
        found["mexa"][one, other] = found["mexa"][other, one] = mexa(cosines, error)
        scores = {"cosine": (cosines, error)}
        if rescored:
            # Four cosines make a score of CSLS, and a mean of cosines is no farther off than one.
            scores |= {"margin": margin(cosines, error), "csls": (csls(cosines), 4 * error)}
        for similarity, (forth, bound) in scores.items():
            back = np.ascontiguousarray(forth.T)  # rows in one piece are worked through several times as fast
            for pair, seen, off in (((one, other), forth, bound), ((other, one), back, np.transpose(bound))):
                for measure, value in zip(RANKED, ranked(seen, off), strict=True):
                    found[f"{similarity}_{measure}"][pair] = value
                if similarity == "cosine":
                    found["hubness"][pair] = skewness(k_occurrence(seen, HUB_NEIGHBOURS, error))
                    found["never_retrieved"][pair] = never_retrieved(seen, error)
    return found


def ranked(scores: np.ndarray, error: float | np.ndarray = 0.0) -> tuple[float, float, float]:
    """Top-1 accuracy, mean reciprocal rank and mean rank of the candidates on the diagonal of scores [n, n].

    The rank of the best candidate is 1. `error` is the bound on that of every score, or of each, [n, n].
    """
    right = np.diagonal(scores)[:, None]
    tie = error + np.diagonal(np.broadcast_to(error, scores.shape))[:, None]
    ahead = np.count_nonzero(scores > right + tie, axis=1)
    ties = np.count_nonzero(scores >= right - tie, axis=1) - ahead  # the right one included
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(scores) + 1))])
    return (
        float(((ahead == 0) / ties).mean()),
        float(((harmonic[ahead + ties] - harmonic[ahead]) / ties).mean()),
        float((ahead + (ties + 1) / 2).mean()),
    )


def mexa(cosines: np.ndarray, error: float = 0.0) -> float:
    """Share of translations whose cosine exceeds all others in its row and its column of cosines [n, n].

    MEXA of a language and its pivot (Kargaran et al. 2024, equation 1); as there, a tie does not count. `error` is the
    bound on that of every cosine.
    """
    others = cosines.copy()
    np.fill_diagonal(others, -np.inf)
    return float((np.diagonal(cosines) > np.maximum(others.max(axis=0), others.max(axis=1)) + 2 * error).mean())


def margin(cosines: np.ndarray, error: float) -> tuple[np.ndarray, np.ndarray]:
    """Each cosine [n, m] over the mean of those to the nearest four neighbours of both of its vectors.

    Returns:
        These ratios and the bounds on their errors, [n, m], where `error` is that of every cosine.
    """
    forth, back = _mean_of_nearest(cosines, MARGIN_NEIGHBOURS), _mean_of_nearest(cosines.T, MARGIN_NEIGHBOURS)
    means = (forth[:, None] + back) / 2
    ratios = cosines / means
    return ratios, error * (1 + np.abs(ratios)) / np.abs(means)


def csls(cosines: np.ndarray) -> np.ndarray:
    """Twice each cosine [n, m] less the means of those to the nearest ten neighbours of both of its vectors."""
    forth, back = _mean_of_nearest(cosines, CSLS_NEIGHBOURS), _mean_of_nearest(cosines.T, CSLS_NEIGHBOURS)
    return 2 * cosines - forth[:, None] - back


def _mean_of_nearest(scores: np.ndarray, count: int) -> np.ndarray:
    count = min(count, scores.shape[1])
    return np.partition(scores, -count, axis=1)[:, -count:].mean(axis=1)


def k_occurrence(scores: np.ndarray, k: int, error: float = 0.0) -> np.ndarray:
    """How many queries have each candidate among their k best, [candidates], from scores [queries, candidates].

    Of candidates that tie for the last places, each has its share of them. `error` is the bound on that of every score.
    """
    k = min(k, scores.shape[1])
    last = np.partition(scores, -k, axis=1)[:, -k, None]
    reached = scores >= last - 2 * error
    if np.count_nonzero(reached) == k * len(scores):  # no ties
        return np.count_nonzero(reached, axis=0).astype(np.float64)
    above = scores > last + 2 * error
    at = reached & ~above
    share = (k - np.count_nonzero(above, axis=1)) / np.count_nonzero(at, axis=1)
    return np.count_nonzero(above, axis=0) + share @ at


def never_retrieved(scores: np.ndarray, error: float = 0.0) -> float:
    """Share of candidates that are the best of no query, from scores [queries, candidates]; a fair draw breaks ties.

    `error` is the bound on that of every score.
    """
    best = scores >= scores.max(axis=1, keepdims=True) - 2 * error
    if np.count_nonzero(best) == len(scores):  # no ties
        return float(1 - best.any(axis=0).mean())
    missed = 1 - best / np.count_nonzero(best, axis=1)[:, None]  # by each query
    return float(missed.prod(axis=0).mean())


def skewness(values: np.ndarray) -> float:
    """Third standardised moment of values [n]; NaN where they are constant."""
    deviations = values - values.mean()
    variance = (deviations**2).mean()
    if variance <= 1e-12 * max(1.0, float(np.abs(values).max())) ** 2:
        return float("nan")
    return float((deviations**3).mean() / variance**1.5)

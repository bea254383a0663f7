"""Which language to train in: how similarity orders the sources of each test language, and what choosing by it costs.

After Lin et al. (2019), "Choosing transfer languages for cross-lingual learning", and Blaschke et al. (2025): for each
test language, similarities are correlated with the scores of all other languages as sources, and the regret is what the
best source scores more than the one that was chosen. Which source is best is known only after the test, so even a
perfect choice by what is known before it has a regret above 0 where scores are noisy.
"""

import numpy as np

from workflow_scripts.kinship.pair_correlations import MINIMUM_LANGUAGES, midranks
from workflow_scripts.measures.correlations import pearson


def correlations_by_test(scores: np.ndarray, similarity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Pearson's and Spearman's coefficients over the sources of each test language, both [tests].

    Undefined, NaN, over fewer than three sources or where a side is constant.

    Args:
        scores: Of training (row) and test language (column), [languages, languages]; the diagonal is not looked at.
        similarity: Of the same languages, likewise; NaN where unknown.
    """
    found = np.full((2, len(scores)), np.nan)
    for test, sources in enumerate(_sources(scores, similarity)):
        if len(sources) >= MINIMUM_LANGUAGES:
            sides = scores[sources, test], similarity[sources, test]
            ranks = tuple(midranks(side, np.ones((1, len(side))))[0] for side in sides)
            found[:, test] = pearson(*sides), pearson(*ranks)
    return found[0], found[1]


def scores_of_choice(scores: np.ndarray, preference: np.ndarray) -> np.ndarray:
    """Return the score of the source that is preferred for each test language: [tests], NaN where none is known.

    Of sources that tie, the mean, as a fair draw gives.

    Args:
        scores: As `correlations_by_test` has them.
        preference: Of training (row) for test language (column), higher is better; NaN where unknown.
    """
    found = np.full(len(scores), np.nan)
    for test, sources in enumerate(_sources(scores, preference)):
        if len(sources):
            wanted = preference[sources, test]
            found[test] = scores[sources[wanted == wanted.max()], test].mean()
    return found


def scores_elsewhere(scores: np.ndarray) -> np.ndarray:
    """Return the mean score of each source in all test languages but this one and itself, [languages, languages].

    The preference of one source for all that does not know how it does in the test language.
    """
    others = np.where(np.eye(len(scores), dtype=bool), np.nan, scores)
    known = np.isfinite(others)
    total, count = np.nansum(others, axis=1, keepdims=True), known.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.where(known, (total - np.nan_to_num(others)) / (count - known), np.nan)


def _sources(scores: np.ndarray, preference: np.ndarray) -> list[np.ndarray]:
    """Return the numbers of the sources of each test language that both know."""
    known = np.isfinite(scores) & np.isfinite(preference) & ~np.eye(len(scores), dtype=bool)
    return [np.flatnonzero(column) for column in known.T]

"""Retrieval query by query: which translations are found, and for which queries that changes (paper, Figure 1)."""

from dataclasses import dataclass

import numpy as np

from workflow_scripts.measures.rounding import first_highest
from workflow_scripts.measures.scores import Scores


@dataclass(frozen=True)
class Ranking:
    """How the translation of each query fares against the other candidates; all arrays are [queries]."""

    right: np.ndarray  # similarity of the query to its translation
    rival: np.ndarray  # index of the most similar other candidate; of those that tie, the first
    wrong: np.ndarray  # similarity of the query to it
    rank: np.ndarray  # of the translation, from 1; an equally similar candidate counts as more similar
    error: float  # bound on that of every similarity

    @property
    def found(self) -> np.ndarray:
        """Return whether the translation is more similar to the query than every other candidate."""
        return self.rank == 1


def rank(scores: Scores) -> Ranking:
    """Rank the candidates of every query by `scores` [queries, queries].

    Unlike accuracy, which counts a tie for first place in part, this calls a translation found only if it is first
    alone.
    """
    others = scores.values.copy()
    np.fill_diagonal(others, -np.inf)
    rival = first_highest(others, scores.error)
    return Ranking(
        right=scores.right[:, 0],
        rival=rival,
        wrong=others[np.arange(len(others)), rival],
        rank=scores.ahead + scores.ties,
        error=float(np.max(scores.error)),
    )


def clearest_gain(pre: Ranking, post: Ranking) -> int | None:
    """Return the query that the intervention helps most clearly: its translation is not found before and found after.

    Of those, the one whose translation is after the intervention ahead of the best other candidate by the largest
    margin; of those that tie, the first. None if no query is such.
    """
    gained = np.flatnonzero(~pre.found & post.found)
    if len(gained) == 0:
        return None
    return int(gained[first_highest((post.right - post.wrong)[gained], 2 * post.error)])

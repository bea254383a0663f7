"""Retrieval query by query: which translations are found, and for which queries that changes (paper, Figure 1)."""

from dataclasses import dataclass

import numpy as np

from workflow_scripts.measures.retrieval import MARGIN_NEIGHBOURS, Similarity
from workflow_scripts.measures.rounding import first_highest, rounding, rounding_of_cosine
from workflow_scripts.measures.vectors import unit_vectors


def similarities(queries: np.ndarray, candidates: np.ndarray, similarity: Similarity) -> tuple[np.ndarray, float]:
    """Similarity of every query to every candidate, [queries, candidates], in float64, and the bound on their errors.

    `queries` is [queries, d], `candidates` [candidates, d]. For `centred_cosine` the centre of the space has been
    subtracted from both. `margin` is the ratio of the cosine to the mean of those to the nearest neighbours in both
    directions (Artetxe & Schwenk 2019, equation 2).
    """
    d = queries.shape[1]
    if similarity == "inner_product":
        queries, candidates = (np.asarray(side, dtype=np.float64) for side in (queries, candidates))
        longest = [np.sqrt(np.vecdot(side, side).max()) for side in (queries, candidates)]
        return queries @ candidates.T, rounding(d) * float(np.prod(longest))
    cosines, error = unit_vectors(queries) @ unit_vectors(candidates).T, rounding_of_cosine(d)
    if similarity == "margin":
        near = _near(cosines)[:, None] + _near(cosines.T)[None, :]
        margins = cosines / near
        return margins, error * float(((1 + np.abs(margins)) / np.abs(near)).max())
    return cosines, error


def _near(cosines: np.ndarray) -> np.ndarray:
    """Half the mean of the highest cosines in each row."""
    return np.sort(cosines, axis=1)[:, -MARGIN_NEIGHBOURS:].mean(axis=1) / 2


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
        """Whether the translation is more similar to the query than every other candidate."""
        return self.rank == 1


def rank(scores: np.ndarray, error: float = 0.0) -> Ranking:
    """Rank the candidates of every query by `scores`, [queries, candidates]; candidate i is the translation of query i.

    Scores that differ by no more than twice `error`, the bound on that of each, tie.

    Unlike accuracy, which counts a tie for first place in part, this calls a translation found only if it is first
    alone.
    """
    right = scores.diagonal()
    others = scores.copy()
    np.fill_diagonal(others, -np.inf)
    rival = first_highest(others, error)
    return Ranking(
        right=right,
        rival=rival,
        wrong=others[np.arange(len(others)), rival],
        rank=1 + (others >= right[:, None] - 2 * error).sum(axis=1),
        error=error,
    )


def clearest_gain(pre: Ranking, post: Ranking) -> int | None:
    """The query that the intervention helps most clearly: its translation is not found before and found after.

    Of those, the one whose translation is after the intervention ahead of the best other candidate by the largest
    margin; of those that tie, the first. None if no query is such.
    """
    gained = np.flatnonzero(~pre.found & post.found)
    if len(gained) == 0:
        return None
    return int(gained[first_highest((post.right - post.wrong)[gained], 2 * post.error)])

"""Retrieval query by query: which translations are found, and for which queries that changes (paper, Figure 1)."""

from dataclasses import dataclass

import numpy as np

from workflow_scripts.measures.vectors import unit_vectors
from workflow_scripts.measures.retrieval import MARGIN_NEIGHBOURS, Similarity


def similarities(queries: np.ndarray, candidates: np.ndarray, similarity: Similarity) -> np.ndarray:
    """Similarity of every query to every candidate, [queries, candidates], in float64.

    `queries` is [queries, d], `candidates` [candidates, d]. For `centred_cosine` the centre of the space has been
    subtracted from both. `margin` is the ratio of the cosine to the mean of those to the nearest neighbours in both
    directions (Artetxe & Schwenk 2019, equation 2).
    """
    if similarity == "inner_product":
        return np.asarray(queries, dtype=np.float64) @ np.asarray(candidates, dtype=np.float64).T
    cosines = unit_vectors(queries) @ unit_vectors(candidates).T
    if similarity == "margin":
        return cosines / (_near(cosines)[:, None] + _near(cosines.T)[None, :])
    return cosines


def _near(cosines: np.ndarray) -> np.ndarray:
    """Half the mean of the highest cosines in each row."""
    return np.sort(cosines, axis=1)[:, -MARGIN_NEIGHBOURS:].mean(axis=1) / 2


@dataclass(frozen=True)
class Ranking:
    """How the translation of each query fares against the other candidates; all arrays are [queries]."""

    right: np.ndarray  # similarity of the query to its translation
    rival: np.ndarray  # index of the most similar other candidate; of equals, the first
    wrong: np.ndarray  # similarity of the query to it
    rank: np.ndarray  # of the translation, from 1; an equally similar candidate counts as more similar

    @property
    def found(self) -> np.ndarray:
        """Whether the translation is more similar to the query than every other candidate."""
        return self.right > self.wrong


def rank(scores: np.ndarray) -> Ranking:
    """Rank the candidates of every query by `scores`, [queries, candidates]; candidate i is the translation of query i.

    Unlike accuracy, which counts a tie for first place in part, this calls a translation found only if it is first
    alone.
    """
    right = scores.diagonal()
    others = scores.copy()
    np.fill_diagonal(others, -np.inf)
    rival = others.argmax(axis=1)
    return Ranking(
        right=right,
        rival=rival,
        wrong=others[np.arange(len(others)), rival],
        rank=1 + (others >= right[:, None]).sum(axis=1),
    )


def clearest_gain(pre: Ranking, post: Ranking) -> int | None:
    """The query that the intervention helps most clearly: its translation is not found before and found after.

    Of those, the one whose translation is after the intervention ahead of the best other candidate by the largest
    margin; of equals, the first. None if no query is such.
    """
    gained = np.flatnonzero(~pre.found & post.found)
    if len(gained) == 0:
        return None
    return int(gained[np.argmax((post.right - post.wrong)[gained])])

"""Similarities of all queries to all candidates, where both fit in memory: which candidate is the nearest?

Products are float64, since an intervention pulls sentences so close together that float32 would tie them. Scores that
differ by no more than rounding tie, wherever in a matrix their vectors stand. Candidates that do not fit in memory are
searched by `retrieval`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from workflow_scripts.measures.registry import similarities
from workflow_scripts.measures.rounding import rounding, rounding_of_cosine
from workflow_scripts.measures.vectors import unit_vectors


@dataclass(frozen=True)
class Scores:
    """Similarities of queries (rows) to candidates (columns); candidate i is the right one of query i."""

    values: np.ndarray  # float64 [n, m]
    error: float | np.ndarray = 0.0  # bound on what rounding makes of each: of all, or [n, m]

    @property
    def transposed(self) -> "Scores":
        """Return the same with candidates as queries; rows in one piece are worked through several times as fast."""
        return Scores(np.ascontiguousarray(self.values.T), np.transpose(self.error))

    @cached_property
    def right(self) -> np.ndarray:
        """Return the score of each query with its right candidate: [n, 1]."""
        return np.diagonal(self.values)[:, None]

    @cached_property
    def _tie(self) -> np.ndarray:
        """How much a score may differ from the right one and tie with it: [n, 1] or [n, m]."""
        return self.error + np.diagonal(np.broadcast_to(self.error, self.values.shape))[:, None]

    @cached_property
    def ahead(self) -> np.ndarray:
        """Return how many candidates are more similar than the right one, to each query: [n]."""
        return np.count_nonzero(self.values > self.right + self._tie, axis=1)

    @cached_property
    def ties(self) -> np.ndarray:
        """Return how many candidates are as similar as the right one, that one included: [n]."""
        return np.count_nonzero(self.values >= self.right - self._tie, axis=1) - self.ahead


def scores_of(queries: np.ndarray, candidates: np.ndarray, names: Collection[str]) -> dict[str, Scores]:
    """Return the scores of queries [n, d] with candidates [m, d] by each similarity of these names.

    For centred similarities the centre of the space has been subtracted from both.

    Raises:
        StudyError: a vector whose direction is asked for is zero.
    """
    units = (unit_vectors(queries), unit_vectors(candidates)) if _directed(names) else (None, None)
    return _scores(queries, candidates, *units, names)


def scores_of_every_two(embeddings: np.ndarray, names: Collection[str]) -> Iterator[tuple[int, int, dict[str, Scores]]]:
    """Yield every two languages of embeddings [languages, sentences, d] with their scores, the first as query.

    For centred similarities the centre of the space has been subtracted.

    Raises:
        StudyError: as `scores_of`.
    """
    units = unit_vectors(embeddings) if _directed(names) else [None] * len(embeddings)
    for one, other in combinations(range(len(embeddings)), 2):
        yield one, other, _scores(embeddings[one], embeddings[other], units[one], units[other], names)


def _directed(names: Collection[str]) -> bool:
    return any(similarities()[name].of_directions for name in names)


def _scores(
    queries: np.ndarray,
    candidates: np.ndarray,
    query_units: np.ndarray | None,
    candidate_units: np.ndarray | None,
    names: Collection[str],
) -> dict[str, Scores]:
    """Scores by each similarity, of one product of vectors and one of directions at most."""
    products: dict[bool, tuple[np.ndarray, float | np.ndarray]] = {}
    if query_units is not None and candidate_units is not None:
        products[True] = query_units @ candidate_units.T, rounding_of_cosine(queries.shape[1])
    if not all(similarities()[name].of_directions for name in names):
        products[False] = _inner_products(queries, candidates)
    found = {}
    for name in names:
        similarity = similarities()[name]
        values, error = products[similarity.of_directions]
        near = []
        if count := similarity.neighbours:
            near = [_mean_of_nearest(values, count)[:, None], _mean_of_nearest(values.T, count)]
        found[name] = Scores(*similarity.compute(values, error, *near))
    return found


def _inner_products(queries: np.ndarray, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    queries, candidates = (np.asarray(side, dtype=np.float64) for side in (queries, candidates))
    lengths = [np.sqrt(np.vecdot(side, side)) for side in (queries, candidates)]
    return queries @ candidates.T, rounding(queries.shape[1]) * np.outer(*lengths)


def _mean_of_nearest(products: np.ndarray, count: int) -> np.ndarray:
    """Mean of the highest products in each row."""
    count = min(count, products.shape[1])
    # Sorted, since a sum in another order rounds otherwise.
    return np.sort(np.partition(products, -count, axis=1)[:, -count:], axis=1).mean(axis=1)

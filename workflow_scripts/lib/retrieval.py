"""Retrieval: which candidate is most similar to a query, and is it the right one? (paper, sections 5 and 6)

Top-1 accuracy. When m candidates share the highest similarity and the right one is among them, the query counts 1/m:
what a fair draw among them gives on average. So constant embeddings score chance, not zero or one.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from workflow_scripts.lib.distances import unit_vectors

Similarity = Literal["inner_product", "cosine", "centred_cosine", "margin"]
BLOCK_BYTES = 2**26  # of similarities held at a time
MARGIN_NEIGHBOURS = 4  # Artetxe & Schwenk 2019


def top1_accuracy(queries: np.ndarray, candidates: np.ndarray, gold: np.ndarray, similarity: Similarity) -> float:
    """Share of queries whose most similar candidate is the right one.

    Args:
        queries: embeddings [n, d].
        candidates: embeddings [m, d]; m may be larger than n, and larger than memory allows at n × m.
        gold: index of the right candidate of each query, [n].
        similarity: `inner_product`; `cosine`; `centred_cosine`, where the mean of queries and candidates together has
            been subtracted from both; `margin`, the ratio of the cosine to the mean of those to the nearest
            neighbours in both directions (Artetxe & Schwenk 2019, equation 2).
    """
    if similarity == "centred_cosine":
        mean = np.concatenate([queries, candidates]).mean(axis=0, dtype=np.float64)
        return top1_accuracy(queries - mean, candidates - mean, gold, "cosine")
    queries, candidates = _directed(queries, candidates, similarity)
    scale = _margin_scale(queries, candidates) if similarity == "margin" else None
    right = 0.0
    for rows, scores in _blocks(queries, candidates):
        if scale is not None:
            scores /= scale[0][rows, None] + scale[1][None, :]
        right += _right(scores, gold[rows])
    return right / len(queries)


def pairwise_top1_accuracy(embeddings: np.ndarray, similarity: Similarity) -> np.ndarray:
    """Top-1 accuracy of every language (row) as query against every other (column) as candidates.

    `embeddings` is [languages, sentences, d], translations in the same row; the result [languages, languages] has NaN
    on its diagonal. `centred_cosine` subtracts the mean of all sentences of all languages. One matrix product of a
    pair of languages serves both directions.
    """
    if similarity == "centred_cosine":
        mean = embeddings.mean(axis=(0, 1), dtype=np.float64)
        return pairwise_top1_accuracy(embeddings - mean, "cosine")
    languages, sentences, _ = embeddings.shape
    accuracy = np.full((languages, languages), np.nan)
    if similarity in ("cosine", "margin"):
        embeddings = unit_vectors(embeddings)
    embeddings = np.ascontiguousarray(embeddings, dtype=np.float32)
    gold = np.arange(sentences)
    for one in range(languages):
        for other in range(one + 1, languages):
            if similarity == "margin":
                scale = _margin_scale(embeddings[one], embeddings[other])
            right, best, ties, diagonal = 0.0, None, None, np.empty(sentences, np.float32)
            for rows, scores in _blocks(embeddings[one], embeddings[other]):
                if similarity == "margin":
                    scores /= scale[0][rows, None] + scale[1][None, :]
                right += _right(scores, gold[rows])
                diagonal[rows] = scores[np.arange(len(gold[rows])), gold[rows]]
                best, ties = _merge_columns(best, ties, scores)
            accuracy[one, other] = right / sentences
            accuracy[other, one] = ((diagonal == best) / ties).sum() / sentences
    return accuracy


def _directed(queries: np.ndarray, candidates: np.ndarray, similarity: Similarity) -> tuple[np.ndarray, np.ndarray]:
    if similarity in ("cosine", "margin"):
        queries, candidates = unit_vectors(queries), unit_vectors(candidates)
    return np.asarray(queries, dtype=np.float32), np.asarray(candidates, dtype=np.float32)


def _blocks(queries: np.ndarray, candidates: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Similarities [queries of the block, candidates], a bounded number of queries at a time."""
    rows = max(1, BLOCK_BYTES // (4 * len(candidates)))
    for start in range(0, len(queries), rows):
        block = slice(start, min(start + rows, len(queries)))
        yield block, queries[block] @ candidates.T


def _right(scores: np.ndarray, gold: np.ndarray) -> float:
    """Sum over queries of 1/m where the right candidate, whose score is one of `scores`, is among the m best."""
    best = scores.max(axis=1)
    hit = scores[np.arange(len(gold)), gold] == best
    ties = (scores[hit] == best[hit, None]).sum(axis=1)
    return float((1 / ties).sum())


def _merge_columns(
    best: np.ndarray | None, ties: np.ndarray | None, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The highest score of each column so far, and how many rows share it."""
    here = scores.max(axis=0)
    count = (scores == here).sum(axis=0)
    if best is None or ties is None:
        return here, count
    merged = np.where(here > best, count, np.where(here == best, ties + count, ties))
    return np.maximum(best, here), merged


def _margin_scale(queries: np.ndarray, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half the mean cosine of each query, and of each candidate, to its nearest neighbours on the other side."""
    return _half_mean_of_nearest(queries, candidates), _half_mean_of_nearest(candidates, queries)


def _half_mean_of_nearest(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    neighbours = min(MARGIN_NEIGHBOURS, len(others))
    halves = np.empty(len(vectors), dtype=np.float32)
    for rows, scores in _blocks(vectors, others):
        halves[rows] = np.partition(scores, -neighbours, axis=1)[:, -neighbours:].mean(axis=1) / 2
    return halves

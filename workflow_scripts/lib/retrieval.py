"""Retrieval: which candidate is most similar to a query, and is it the right one? (paper, sections 5 and 6)

Top-1 accuracy. When m candidates share the highest similarity and the right one is among them, the query counts 1/m:
what a fair draw among them gives on average. So constant embeddings score chance, not zero or one.

Similarities are float32. How a matrix product rounds depends on where in the matrix a vector stands, so vectors that
are equal in float32, as they are compared (centred, scaled to length one), are found first and scored once: they tie
exactly. Different vectors tie only if their float32 similarities are equal.

Candidates may stay on disk and be larger than memory. They are read in blocks, from first to last, once for each thing
that must be known of all of them: their mean (centred cosine), which are equal, their nearest queries (margin), and
the best. Beside the queries and a block, only a few numbers a candidate are held.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal, Protocol

import numpy as np

from workflow_scripts.lib.distances import unit_vectors
from workflow_scripts.lib.errors import StudyError

Similarity = Literal["inner_product", "cosine", "centred_cosine", "margin"]
BLOCK_BYTES = 2**26  # of a block of vectors in float64, and of the similarities held at a time in float32
BLOCK_ROWS = 2**12  # at most in a block: the similarities of two such blocks have BLOCK_BYTES
MARGIN_NEIGHBOURS = 4  # Artetxe & Schwenk 2019


class Embeddings(Protocol):
    """Embeddings [n, d] of which slices of rows can be read: an array, or a data set in a file."""

    shape: tuple[int, ...]

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


def top1_accuracy(queries: Embeddings, candidates: Embeddings, gold: np.ndarray, similarity: Similarity) -> float:
    """Share of queries whose most similar candidate is the right one.

    Args:
        queries: embeddings [n, d], which fit in memory.
        candidates: embeddings [m, d], which need not: a data set in an HDF5 file will do.
        gold: index of the right candidate of each query, [n].
        similarity: `inner_product`; `cosine`; `centred_cosine`, where the mean of queries and candidates together has
            been subtracted from both; `margin`, the ratio of the cosine to the mean of those to the nearest
            neighbours in both directions (Artetxe & Schwenk 2019, equation 2).

    Raises:
        StudyError: a vector whose cosine is asked for is zero.
    """
    mean = _mean([queries, candidates]) if similarity == "centred_cosine" else None
    compared = [_Vectors.of(_Compared(side, similarity, mean)) for side in (queries, candidates)]
    return _accuracies(compared[0].in_memory(), compared[1], gold, similarity)[0]


def pairwise_top1_accuracy(embeddings: np.ndarray, similarity: Similarity) -> np.ndarray:
    """Top-1 accuracy of every language (row) as query against every other (column) as candidates.

    `embeddings` is [languages, sentences, d], translations in the same row; the result [languages, languages] has NaN
    on its diagonal. `centred_cosine` subtracts the mean of all sentences of all languages. One matrix product of a
    pair of languages serves both directions.

    Raises:
        StudyError: a vector whose cosine is asked for is zero.
    """
    languages, sentences, _ = embeddings.shape
    mean = _mean(embeddings) if similarity == "centred_cosine" else None
    compared = [_Vectors.of(_Compared(side, similarity, mean).in_memory()) for side in embeddings]
    accuracy = np.full((languages, languages), np.nan)
    for one, other in combinations(range(languages), 2):
        both = _accuracies(compared[one], compared[other], np.arange(sentences), similarity)
        accuracy[one, other], accuracy[other, one] = both
    return accuracy


def _blocks(embeddings: Embeddings) -> Iterator[tuple[int, np.ndarray]]:
    """The rows of `embeddings` in blocks of bounded memory, each with the index of its first."""
    count, d = embeddings.shape
    rows = max(1, min(BLOCK_ROWS, BLOCK_BYTES // (8 * d)))
    for start in range(0, count, rows):
        yield start, np.asarray(embeddings[start : start + rows])


def _mean(sides: Iterable[Embeddings]) -> np.ndarray:
    """Mean [d] of all rows of all sides, in float64."""
    total, count = 0.0, 0
    for side in sides:
        for _, block in _blocks(side):
            total, count = total + block.sum(axis=0, dtype=np.float64), count + len(block)
    return total / count


@dataclass(frozen=True)
class _Compared:
    """Embeddings as a similarity compares them: float32, centred and of length one where it asks for that."""

    embeddings: Embeddings
    similarity: Similarity
    mean: np.ndarray | None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.embeddings.shape

    def __getitem__(self, rows: slice) -> np.ndarray:
        block = np.asarray(self.embeddings[rows])
        if self.mean is not None:
            block = block - self.mean
        if self.similarity != "inner_product":
            try:
                block = unit_vectors(block)
            except StudyError as error:
                raise StudyError(f"of the embeddings from row {rows.start} on, {error}") from None
        return np.asarray(block, dtype=np.float32)

    def in_memory(self) -> np.ndarray:
        return np.concatenate([block for _, block in _blocks(self)])


@dataclass(frozen=True)
class _Vectors:
    """The distinct ones among vectors, numbered in the order in which they appear."""

    source: Embeddings
    first: np.ndarray  # row of `source` where each distinct vector is, ascending, [distinct]
    copies: np.ndarray  # how many vectors are equal to it, itself included, [distinct]
    number: np.ndarray  # which of the distinct ones each vector is, [n]

    @classmethod
    def of(cls, vectors: Embeddings) -> "_Vectors":
        numbers: dict[bytes, int] = {}
        # Zero is added since −0 has other bytes than 0.
        rows = (row for _, block in _blocks(vectors) for row in block + np.float32(0))
        number = np.array(
            [numbers.setdefault(hashlib.blake2b(row, digest_size=16).digest(), len(numbers)) for row in rows]
        )
        _, first, copies = np.unique(number, return_index=True, return_counts=True)
        return cls(vectors, first, copies, number)

    def in_memory(self) -> "_Vectors":
        held = np.concatenate([vectors for _, vectors in self.blocks()])
        return replace(self, source=held, first=np.arange(len(held)))

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """The distinct vectors in blocks of bounded memory, each with its numbers."""
        for start, block in _blocks(self.source):
            low, high = np.searchsorted(self.first, [start, start + len(block)])
            if high - low == len(block):
                yield slice(low, high), block
            elif high > low:
                yield slice(low, high), block[self.first[low:high] - start]


def _accuracies(
    queries: _Vectors, candidates: _Vectors, gold: np.ndarray, similarity: Similarity
) -> tuple[float, float]:
    """Top-1 accuracy of the pairs of query i and candidate gold[i], and the same with their roles exchanged."""
    pairs = queries.number, candidates.number[gold]
    scales = _margin_scales(queries, candidates) if similarity == "margin" else None
    of_pairs = np.empty(len(gold), dtype=np.float32)
    forth, back = _Best(len(queries.first)), _Best(len(candidates.first))
    for rows, columns, scores in _scores(queries, candidates):
        if scales is not None:
            scores /= scales[0][rows, None] + scales[1][columns]
        here = np.flatnonzero(_within(pairs[0], rows) & _within(pairs[1], columns))
        of_pairs[here] = scores[pairs[0][here] - rows.start, pairs[1][here] - columns.start]
        forth.update(rows, scores, candidates.copies[columns])
        back.update(columns, scores.T, queries.copies[rows])
    return forth.accuracy(pairs[0], of_pairs), back.accuracy(pairs[1], of_pairs)


def _scores(queries: _Vectors, candidates: _Vectors) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Products of distinct vectors, [queries of the first slice, candidates of the second]; reads candidates once."""
    for columns, block in candidates.blocks():
        for rows, vectors in queries.blocks():
            yield rows, columns, vectors @ block.T


def _within(numbers: np.ndarray, part: slice) -> np.ndarray:
    return (part.start <= numbers) & (numbers < part.stop)


class _Best:
    """The highest score so far of each of `rows` distinct vectors, and how many vectors share it."""

    def __init__(self, rows: int):
        self.score = np.full(rows, -np.inf, dtype=np.float32)
        self.ties = np.zeros(rows)

    def update(self, rows: slice, scores: np.ndarray, copies: np.ndarray) -> None:
        """Take in the scores [rows, others] with other vectors, of which there are `copies` [others]."""
        before, here = self.score[rows], scores.max(axis=1)
        at, other = np.nonzero(scores == here[:, None])
        ties = np.bincount(at, weights=copies[other], minlength=len(here))
        self.ties[rows] = np.where(here >= before, ties, 0) + np.where(here <= before, self.ties[rows], 0)
        self.score[rows] = np.maximum(before, here)

    def accuracy(self, rows: np.ndarray, scores: np.ndarray) -> float:
        """Mean over pairs of 1/m where the score of the pair is the row's highest, which m vectors share, else 0."""
        return float(((scores == self.score[rows]) / self.ties[rows]).mean())


class _Nearest:
    """The highest scores so far of each of `rows` distinct vectors with its nearest neighbours among `others`."""

    def __init__(self, rows: int, others: int):
        self.scores = np.full((rows, min(MARGIN_NEIGHBOURS, others)), -np.inf, dtype=np.float32)

    def update(self, rows: slice, scores: np.ndarray, copies: np.ndarray) -> None:
        """Take in the scores [rows, others] with other vectors, of which there are `copies` [others]."""
        if copies.max() > 1:
            scores = np.repeat(scores, np.minimum(copies, MARGIN_NEIGHBOURS), axis=1)
        known = self.scores[rows]
        kept = known.shape[1]
        self.scores[rows] = np.partition(np.concatenate([known, scores], axis=1), -kept, axis=1)[:, -kept:]

    def half_means(self) -> np.ndarray:
        return np.sort(self.scores, axis=1).mean(axis=1) / 2


def _margin_scales(queries: _Vectors, candidates: _Vectors) -> tuple[np.ndarray, np.ndarray]:
    """Half the mean cosine of each distinct query, and candidate, to its nearest neighbours on the other side."""
    forth = _Nearest(len(queries.first), len(candidates.number))
    back = _Nearest(len(candidates.first), len(queries.number))
    for rows, columns, scores in _scores(queries, candidates):
        forth.update(rows, scores, candidates.copies[columns])
        back.update(columns, scores.T, queries.copies[rows])
    return forth.half_means(), back.half_means()

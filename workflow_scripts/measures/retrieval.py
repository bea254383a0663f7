"""Retrieval: which candidate is most similar to a query, and is it the right one? (paper, sections 5 and 6)

Top-1 accuracy. When m candidates share the highest similarity and the right one is among them, the query counts 1/m:
what a fair draw among them gives on average. So constant embeddings score chance, not zero or one.

Similarities are float32. How a matrix product rounds depends on where in the matrix a vector stands, so vectors that
are equal in float32 (after scaling to length one, where cosines are compared) are found first and scored once: they
tie exactly. Different vectors tie only if their float32 similarities are equal.

A cosine is an inner product divided by two lengths. So one matrix product serves all similarities that compare the same
vectors, and both directions.

Candidates may stay on disk and be larger than memory. They are read in blocks, from first to last, once for each thing
that must be known of all of them: their mean (centred cosine), which are equal, their nearest queries (margin), and
the best. Beside the queries and a block, only a few numbers a candidate are held.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, Protocol

import numpy as np

from workflow_scripts.jobs.errors import StudyError

Similarity = Literal["inner_product", "cosine", "centred_cosine", "margin"]
BLOCK_BYTES = 2**26  # at most of a block of vectors in float64
BLOCK_ROWS = 2**11  # at most in a block: the similarities of two such blocks stay in the processor's cache
MARGIN_NEIGHBOURS = 4  # Artetxe & Schwenk 2019
SHORTEST, LONGEST = 2.0**-50, 2.0**50  # lengths whose products, and their inverses, are far from float32's bounds


class Embeddings(Protocol):
    """Embeddings [n, d] of which slices of rows can be read: an array, or a data set in a file."""

    shape: tuple[int, ...]

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


def top1_accuracies(
    queries: Embeddings, candidates: Embeddings, gold: np.ndarray, similarities: Collection[Similarity]
) -> dict[Similarity, float]:
    """Share of queries whose most similar candidate is the right one, by each similarity.

    Args:
        queries: embeddings [n, d], which fit in memory.
        candidates: embeddings [m, d], which need not: a data set in an HDF5 file will do.
        gold: index of the right candidate of each query, [n].
        similarities: `inner_product`; `cosine`; `centred_cosine`, where the mean of queries and candidates together has
            been subtracted from both; `margin`, the ratio of the cosine to the mean of those to the nearest
            neighbours in both directions (Artetxe & Schwenk 2019, equation 2).

    Raises:
        StudyError: a vector whose cosine is asked for is zero, or a vector is too long for float32.
    """
    found = {}
    for centred, group in _by_centre(similarities):
        mean = _mean([queries, candidates]) if centred else None
        sides = _Vectors.of(_Compared(queries, mean)[:], group), _Vectors.of(_Compared(candidates, mean), group)
        for similarity, (forth, _) in _accuracies(*sides, gold, group).items():
            found[similarity] = forth
    return found


def pairwise_top1_accuracies(
    embeddings: np.ndarray, similarities: Collection[Similarity]
) -> dict[Similarity, np.ndarray]:
    """Top-1 accuracy of every language (row) as query against every other (column) as candidates, by each similarity.

    `embeddings` is [languages, sentences, d], translations in the same row; the results [languages, languages] have NaN
    on their diagonals. `centred_cosine` subtracts the mean of all sentences of all languages.

    Raises:
        StudyError: as `top1_accuracies`.
    """
    languages, sentences, _ = embeddings.shape
    found = {similarity: np.full((languages, languages), np.nan) for similarity in similarities}
    for centred, group in _by_centre(similarities):
        mean = _mean(embeddings) if centred else None
        sides = [_Vectors.of(_Compared(side, mean)[:], group) for side in embeddings]
        for one, other in combinations(range(languages), 2):
            both = _accuracies(sides[one], sides[other], np.arange(sentences), group)
            for similarity, (forth, back) in both.items():
                found[similarity][one, other], found[similarity][other, one] = forth, back
    return found


def top1_accuracy(queries: Embeddings, candidates: Embeddings, gold: np.ndarray, similarity: Similarity) -> float:
    """`top1_accuracies` by one similarity."""
    return top1_accuracies(queries, candidates, gold, [similarity])[similarity]


def pairwise_top1_accuracy(embeddings: np.ndarray, similarity: Similarity) -> np.ndarray:
    """`pairwise_top1_accuracies` by one similarity."""
    return pairwise_top1_accuracies(embeddings, [similarity])[similarity]


def _by_centre(similarities: Collection[Similarity]) -> Iterator[tuple[bool, list[Similarity]]]:
    """Similarities that compare the same vectors, with whether these are centred."""
    for centred in (False, True):
        if group := [similarity for similarity in similarities if (similarity == "centred_cosine") == centred]:
            yield centred, group


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
    """Embeddings in float32, less the mean where there is one."""

    embeddings: Embeddings
    mean: np.ndarray | None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.embeddings.shape

    def __getitem__(self, rows: slice) -> np.ndarray:
        block = np.asarray(self.embeddings[rows])
        return np.asarray(block if self.mean is None else block - self.mean, dtype=np.float32)


@dataclass(frozen=True)
class _Distinct:
    """The distinct ones among vectors, numbered in the order in which they appear."""

    first: np.ndarray  # where each of them appears first, ascending, [distinct]
    copies: np.ndarray  # how many vectors are equal to it, itself included, [distinct]
    number: np.ndarray  # which of them each vector is, [n]

    @classmethod
    def among(cls, fingerprints: np.ndarray) -> "_Distinct":
        _, first, number, copies = np.unique(fingerprints, return_index=True, return_inverse=True, return_counts=True)
        order = np.argsort(first)
        return cls(first[order], copies[order], np.argsort(order)[number])


def _fingerprints(vectors: np.ndarray, digested: bool) -> np.ndarray:
    """The bytes of each float32 vector, or sixteen made of them, by which to know equal ones, [n]."""
    rows = np.add(vectors, np.float32(0), order="C")  # since −0 has other bytes than 0
    if digested:
        return np.frombuffer(b"".join(hashlib.blake2b(row, digest_size=16).digest() for row in rows), dtype="V16")
    return rows.view(f"V{rows.itemsize * rows.shape[1]}")[:, 0]


@dataclass(frozen=True)
class _Vectors:
    """The vectors of one side; of equal ones, the first is multiplied for all."""

    source: Embeddings
    distinct: _Distinct
    directions: _Distinct | None  # the distinct ones after scaling to length one, where cosines are asked for
    lengths: np.ndarray  # [n]

    @classmethod
    def of(cls, source: Embeddings, similarities: Collection[Similarity]) -> "_Vectors":
        cosines = any(similarity != "inner_product" for similarity in similarities)
        digested = not isinstance(source, np.ndarray)  # may exceed memory
        vectors, directions, lengths = [], [], []
        for start, block in _blocks(source):
            exact = block.astype(np.float64)
            of_block = np.sqrt(np.vecdot(exact, exact))
            _refuse_out_of_bounds(of_block, start, cosines)
            lengths.append(of_block)
            vectors.append(_fingerprints(block, digested))
            if cosines:
                directions.append(_fingerprints((exact / of_block[:, None]).astype(np.float32), digested))
        distinct = _Distinct.among(np.concatenate(vectors))
        return cls(
            source=source,
            distinct=distinct,
            directions=_Distinct.among(np.concatenate(directions)) if cosines else None,
            lengths=np.concatenate(lengths),
        )

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """The vectors that are multiplied, in blocks of bounded memory, each with its numbers."""
        for start, block in _blocks(self.source):
            low, high = np.searchsorted(self.distinct.first, [start, start + len(block)])
            if high - low == len(block):
                yield slice(low, high), block
            elif high > low:
                yield slice(low, high), block[self.distinct.first[low:high] - start]

    def ranked_by(self, similarity: Similarity) -> "_Ranked":
        if similarity == "inner_product":
            return _Ranked(np.arange(len(self.distinct.first)), self.distinct.copies, self.distinct.number, None)
        first = self.directions.first
        scale = (1 / self.lengths[first]).astype(np.float32)
        return _Ranked(self.distinct.number[first], self.directions.copies, self.directions.number, scale)


def _refuse_out_of_bounds(lengths: np.ndarray, start: int, cosines: bool) -> None:
    refused = (lengths > LONGEST) | ((lengths < SHORTEST) & cosines)
    if refused.any():
        row = int(np.argmax(refused))
        why = "its products would exceed float32" if lengths[row] > LONGEST else "it has no direction"
        raise StudyError(f"the embedding in row {start + row} has length {lengths[row]:.3g}: {why}.")


@dataclass(frozen=True)
class _Ranked:
    """The vectors of one side that a similarity tells apart."""

    multiplied: np.ndarray  # which of those that are multiplied each of them is, ascending, [distinct]
    copies: np.ndarray  # how many vectors each of them stands for, [distinct]
    number: np.ndarray  # which of them each vector is, [n]
    scale: np.ndarray | None  # factors of products, float32 [distinct]

    def within(self, part: slice) -> tuple[slice, slice | np.ndarray]:
        """Which of them are in a part of those that are multiplied, and where in that part."""
        low, high = np.searchsorted(self.multiplied, [part.start, part.stop])
        whole = high - low == part.stop - part.start
        return slice(low, high), slice(None) if whole else self.multiplied[low:high] - part.start


Products = Iterator[tuple[slice, slice, np.ndarray]]


def _products(queries: _Vectors, candidates: _Vectors) -> Products:
    """Inner products of the queries of the first slice and candidates of the second; reads candidates once."""
    for columns, block in candidates.blocks():
        for rows, vectors in queries.blocks():
            yield rows, columns, vectors @ block.T


def _accuracies(
    queries: _Vectors, candidates: _Vectors, gold: np.ndarray, similarities: Collection[Similarity]
) -> dict[Similarity, tuple[float, float]]:
    """Top-1 accuracy of the pairs of query i and candidate gold[i], and the same with their roles exchanged."""
    rankings = {
        similarity: _Ranking(queries.ranked_by(similarity), candidates.ranked_by(similarity), gold)
        for similarity in similarities
    }
    if "margin" in rankings:
        rankings["margin"].find_neighbours(_products(queries, candidates))
    for product in _products(queries, candidates):
        for ranking in rankings.values():
            ranking.update(*product)
    return {similarity: ranking.accuracies() for similarity, ranking in rankings.items()}


class _Ranking:
    """The best candidate of each query, and the best query of each candidate, by one similarity."""

    def __init__(self, queries: _Ranked, candidates: _Ranked, gold: np.ndarray):
        self.queries, self.candidates = queries, candidates
        self.pairs = queries.number, candidates.number[gold]
        self.of_pairs = np.empty(len(gold), dtype=np.float32)
        self.forth, self.back = _Best(len(queries.copies)), _Best(len(candidates.copies))
        self.near: tuple[np.ndarray, np.ndarray] | None = None

    def find_neighbours(self, products: Products) -> None:
        """Have each cosine divided by half the mean of those to the nearest neighbours of both of its vectors."""
        forth = _Nearest(len(self.queries.copies), len(self.candidates.number))
        back = _Nearest(len(self.candidates.copies), len(self.queries.number))
        for product in products:
            rows, columns, scores = self._scores(*product)
            if scores.size:
                forth.update(rows, scores, self.candidates.copies[columns])
                back.update(columns, scores.T, self.queries.copies[rows])
        self.near = forth.half_means(), back.half_means()

    def update(self, rows: slice, columns: slice, products: np.ndarray) -> None:
        """Take in the inner products of these queries and candidates."""
        rows, columns, scores = self._scores(rows, columns, products)
        if scores.size:
            here = np.flatnonzero(_within(self.pairs[0], rows) & _within(self.pairs[1], columns))
            self.of_pairs[here] = scores[self.pairs[0][here] - rows.start, self.pairs[1][here] - columns.start]
            self.forth.update(rows, scores, self.candidates.copies[columns], axis=1)
            self.back.update(columns, scores, self.queries.copies[rows], axis=0)

    def accuracies(self) -> tuple[float, float]:
        return self.forth.accuracy(self.pairs[0], self.of_pairs), self.back.accuracy(self.pairs[1], self.of_pairs)

    def _scores(self, rows: slice, columns: slice, products: np.ndarray) -> tuple[slice, slice, np.ndarray]:
        """Similarities of those queries and candidates that are told apart."""
        rows, here = self.queries.within(rows)
        columns, there = self.candidates.within(columns)
        scores = products[here][:, there]
        if self.queries.scale is not None:
            scores = scores * self.candidates.scale[columns]
            scores *= self.queries.scale[rows, None]
        if self.near is not None:
            scores /= self.near[0][rows, None] + self.near[1][columns]
        return rows, columns, scores


def _within(numbers: np.ndarray, part: slice) -> np.ndarray:
    return (part.start <= numbers) & (numbers < part.stop)


class _Best:
    """The highest score so far of each of so many vectors, and how many vectors on the other side share it."""

    def __init__(self, count: int):
        self.score = np.full(count, -np.inf, dtype=np.float32)
        self.ties = np.zeros(count)

    def update(self, part: slice, scores: np.ndarray, copies: np.ndarray, axis: int) -> None:
        """Take in scores of a part of the vectors with others, which lie along `axis`; `copies` [others] of each."""
        before, here = self.score[part], scores.max(axis=axis)
        # The flat indices are found several times as fast as those of rows and columns.
        at = np.divmod(np.flatnonzero(scores == np.expand_dims(here, axis)), scores.shape[1])
        ties = np.bincount(at[1 - axis], weights=copies[at[axis]], minlength=len(here))
        self.ties[part] = np.where(here >= before, ties, 0) + np.where(here <= before, self.ties[part], 0)
        self.score[part] = np.maximum(before, here)

    def accuracy(self, of: np.ndarray, scores: np.ndarray) -> float:
        """Mean over pairs of 1/m where the score of the pair is the highest of its vector, which m share, else 0."""
        return float(((scores == self.score[of]) / self.ties[of]).mean())


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

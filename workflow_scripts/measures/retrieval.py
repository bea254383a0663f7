"""Retrieval: which candidate is most similar to a query, and is it the right one? (paper, sections 5 and 6)

Top-1 accuracy. When m candidates share the highest similarity and the right one is among them, the query counts 1/m:
what a fair draw among them gives on average. So constant embeddings score chance, not zero or one.

How a matrix product rounds depends on where in the matrix a vector stands, on threads and on the processor. So products
in float32 only say which candidates may be the best; where these are several, they are compared in float64, and tie if
they are within rounding of each other. Vectors that are equal in float32 (after scaling to length one, where cosines
are compared) are found first and scored once.

A cosine is an inner product divided by two lengths. So one matrix product serves all similarities that compare the same
vectors, and both directions.

Candidates may stay on disk and be larger than memory. They are read in blocks, from first to last, once for each thing
that must be known of all of them: their mean (centred cosine), which are equal, their nearest queries (margin, CSLS)
and the best. Beside the queries and a block, only a few numbers a candidate are held.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Protocol

import numpy as np

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.registry import Similarity, similarities
from workflow_scripts.measures.rounding import rounding

BLOCK_BYTES = 2**26  # at most of a block of vectors in float64
BLOCK_ROWS = 2**11  # at most in a block: the similarities of two such blocks stay in the processor's cache
PAIRED_NUMBERS = 2**16  # of vectors that are multiplied pair by pair at a time, which stay in the processor's cache
CROWDED = 1 / 128  # share of pairs that may be the best beyond which one product of all is faster than one of each
SHORTEST, LONGEST = 2.0**-50, 2.0**50  # lengths whose products, and their inverses, are far from float32's bounds


class Embeddings(Protocol):
    """Embeddings [n, d] of which slices of rows can be read: an array, or a data set in a file."""

    shape: tuple[int, ...]

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


def top1_accuracies(
    queries: Embeddings, candidates: Embeddings, gold: np.ndarray, names: Collection[str]
) -> dict[str, float]:
    """Return the share of queries whose most similar candidate is the right one, by each similarity.

    Args:
        queries: embeddings [n, d], which fit in memory.
        candidates: embeddings [m, d], which need not: a data set in an HDF5 file will do.
        gold: index of the right candidate of each query, [n].
        names: Names of similarities; for the centred ones, the mean of queries and candidates together is subtracted
            from both.

    Raises:
        StudyError: a vector whose cosine is asked for is zero, or a vector is too long for float32.
    """
    found = {}
    for centred, group in _by_centre(names):
        mean = _mean([queries, candidates]) if centred else None
        sides = _Vectors.of(_Compared(queries, mean)[:], group), _Vectors.of(_Compared(candidates, mean), group)
        for name, (forth, _) in _accuracies(*sides, gold, group).items():
            found[name] = forth
    return found


def pairwise_top1_accuracies(embeddings: np.ndarray, names: Collection[str]) -> dict[str, np.ndarray]:
    """Return the top-1 accuracy of every language (row) as query for every other (column), by each similarity.

    `embeddings` is [languages, sentences, d], translations in the same row; the results [languages, languages] have NaN
    on their diagonals. For centred similarities, the mean of all sentences of all languages is subtracted.

    Raises:
        StudyError: as `top1_accuracies`.
    """
    languages, sentences, _ = embeddings.shape
    found = {name: np.full((languages, languages), np.nan) for name in names}
    for centred, group in _by_centre(names):
        mean = _mean(embeddings) if centred else None
        sides = [_Vectors.of(_Compared(side, mean)[:], group) for side in embeddings]
        for one, other in combinations(range(languages), 2):
            both = _accuracies(sides[one], sides[other], np.arange(sentences), group)
            for name, (forth, back) in both.items():
                found[name][one, other], found[name][other, one] = forth, back
    return found


def top1_accuracy(queries: Embeddings, candidates: Embeddings, gold: np.ndarray, similarity: str) -> float:
    """Return `top1_accuracies` by one similarity."""
    return top1_accuracies(queries, candidates, gold, [similarity])[similarity]


def pairwise_top1_accuracy(embeddings: np.ndarray, similarity: str) -> np.ndarray:
    """Return `pairwise_top1_accuracies` by one similarity."""
    return pairwise_top1_accuracies(embeddings, [similarity])[similarity]


def _by_centre(names: Collection[str]) -> Iterator[tuple[bool, list[Similarity]]]:
    """Similarities that compare the same vectors, with whether these are centred."""
    asked = [similarities()[name] for name in names]
    for centred in (False, True):
        if group := [similarity for similarity in asked if similarity.centred == centred]:
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
    def of(cls, source: Embeddings, group: Collection[Similarity]) -> "_Vectors":
        cosines = any(similarity.of_directions for similarity in group)
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
        """Return the vectors that are multiplied, in blocks of bounded memory, each with its numbers."""
        for start, block in _blocks(self.source):
            low, high = np.searchsorted(self.distinct.first, [start, start + len(block)])
            if high - low == len(block):
                yield slice(low, high), block
            elif high > low:
                yield slice(low, high), block[self.distinct.first[low:high] - start]

    def ranked_by(self, similarity: Similarity) -> "_Ranked":
        told_apart = self.directions if similarity.of_directions else self.distinct
        first = told_apart.first
        return _Ranked(self.distinct.number[first], told_apart.copies, told_apart.number, self.lengths[first])


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
    lengths: np.ndarray  # [distinct]

    def within(self, part: slice) -> tuple[slice, slice | np.ndarray]:
        """Return which of them are in a part of those that are multiplied, and where in that part."""
        low, high = np.searchsorted(self.multiplied, [part.start, part.stop])
        whole = high - low == part.stop - part.start
        return slice(low, high), slice(None) if whole else self.multiplied[low:high] - part.start


@dataclass(frozen=True)
class _Product:
    """Inner products of some queries and some candidates."""

    rows: slice  # numbers of the queries
    columns: slice  # numbers of the candidates
    queries: np.ndarray  # float32 [rows, d]
    candidates: np.ndarray  # float32 [columns, d]

    @cached_property
    def values(self) -> np.ndarray:
        """Return them in float32, [rows, columns]."""
        return self.queries @ self.candidates.T

    @cached_property
    def exact(self) -> np.ndarray:
        """Return them in float64, [rows, columns]."""
        return self.queries.astype(np.float64) @ self.candidates.astype(np.float64).T


def _products(queries: _Vectors, candidates: _Vectors) -> Iterator[_Product]:
    """Inner products of all queries and candidates; reads candidates once."""
    for columns, block in candidates.blocks():
        for rows, vectors in queries.blocks():
            yield _Product(rows, columns, vectors, block)


def _accuracies(
    queries: _Vectors, candidates: _Vectors, gold: np.ndarray, group: Collection[Similarity]
) -> dict[str, tuple[float, float]]:
    """Top-1 accuracy of the pairs of query i and candidate gold[i], and the same with their roles exchanged."""
    rankings = {
        similarity.name: _Ranking(queries.ranked_by(similarity), candidates.ranked_by(similarity), gold, similarity)
        for similarity in group
    }
    if among_neighbours := [ranking for ranking in rankings.values() if ranking.similarity.neighbours]:
        # In float64, since what cosines are compared with must be as exact as what is compared.
        for product in _products(queries, candidates):
            for ranking in among_neighbours:
                ranking.find_neighbours(product)
    for product in _products(queries, candidates):
        for ranking in rankings.values():
            ranking.update(product)
    return {name: ranking.accuracies() for name, ranking in rankings.items()}


class _Ranking:
    """The best candidate of each query, and the best query of each candidate, by one similarity."""

    def __init__(self, queries: _Ranked, candidates: _Ranked, gold: np.ndarray, similarity: Similarity):
        self.queries, self.candidates = queries, candidates
        self.pairs = queries.number, candidates.number[gold]
        self.best = _Best(len(queries.copies), len(gold)), _Best(len(candidates.copies), len(gold))
        self.similarity = similarity
        # The nearest candidates of each query, and the nearest queries of each candidate.
        self.nearest = (
            _Nearest(len(queries.copies), len(candidates.number), similarity.neighbours),
            _Nearest(len(candidates.copies), len(queries.number), similarity.neighbours),
        )
        # What the rounding of products of vectors of length one grows by, for each query and for each candidate.
        self.growth = np.ones(len(queries.copies)), np.ones(len(candidates.copies))
        if not similarity.of_directions:
            self.growth = queries.lengths * candidates.lengths.max(), candidates.lengths * queries.lengths.max()

    def find_neighbours(self, product: _Product) -> None:
        """Take in cosines, before any are ranked, to find the nearest neighbours of both sides."""
        rows, here = self.queries.within(product.rows)
        columns, there = self.candidates.within(product.columns)
        values = self._products(product.exact[here][:, there], *_table(rows, columns))
        if values.size:
            self.nearest[0].update(rows, values, self.candidates.copies[columns])
            self.nearest[1].update(columns, values.T, self.queries.copies[rows])

    def update(self, product: _Product) -> None:
        """Take in inner products of some queries and candidates."""
        rows, here = self.queries.within(product.rows)
        columns, there = self.candidates.within(product.columns)
        values = product.values[here][:, there]
        if not values.size:
            return
        vectors, parts = (product.queries[here], product.candidates[there]), (rows, columns)
        d = product.queries.shape[1]
        # In float32, the d terms of a product and a few roundings of its factors; in float64, d more of the lengths.
        rough, fine = rounding(d + 8, np.float32), rounding(2 * (d + 4))
        scores, errors = self._scores(values, rough, *_table(*parts))
        close = [self._close(axis, parts, scores, errors) for axis in (0, 1)]
        if sum(map(len, close)) > CROWDED * scores.size:
            scores, errors = self._scores(product.exact[here][:, there], fine, *_table(*parts))
            close = [self._close(axis, parts, scores, errors) for axis in (0, 1)]
        doubted = np.union1d(*(self._doubted(axis, close[axis], scores.shape) for axis in (0, 1)))
        row, column = np.divmod(doubted, scores.shape[1])
        pairs = _products_of_pairs(*vectors, row, column)
        exact, bounds = self._scores(pairs, fine, rows.start + row, columns.start + column)
        bounds = np.broadcast_to(bounds, exact.shape)
        for axis, cells in enumerate(close):
            # A new array in either case, of which parts are replaced.
            of_cells = [scores.ravel()[cells].astype(np.float64), np.array(_at(errors, cells), dtype=np.float64)]
            _, known, place = np.intersect1d(doubted, cells, assume_unique=True, return_indices=True)
            for coarse, finer in zip(of_cells, (exact, bounds), strict=True):
                coarse[place] = finer[known]
            self._take(axis, parts, cells, *of_cells)

    def accuracies(self) -> tuple[float, float]:
        forth, back = (best.accuracy(of) for best, of in zip(self.best, self.pairs, strict=True))
        return forth, back

    def _products(self, products: np.ndarray, queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """Inner products, or cosines, in their type; the numbers of queries and candidates broadcast to these."""
        if not self.similarity.of_directions:
            return products
        cosines = products * (1 / self.candidates.lengths[candidates]).astype(products.dtype)
        cosines *= (1 / self.queries.lengths[queries]).astype(products.dtype)
        return cosines

    def _scores(
        self, products: np.ndarray, error: float, queries: np.ndarray, candidates: np.ndarray
    ) -> tuple[np.ndarray, float | np.ndarray]:
        """Similarities, likewise, and the bound on their errors but for `growth`; `error` is that of a cosine."""
        values = self._products(products, queries, candidates)
        near = []
        if self.similarity.neighbours:
            numbers = (queries, candidates)
            near = [side.means[of].astype(values.dtype) for side, of in zip(self.nearest, numbers, strict=True)]
        return self.similarity.compute(values, error, *near)

    def _close(
        self, axis: int, parts: tuple[slice, slice], scores: np.ndarray, errors: float | np.ndarray
    ) -> np.ndarray:
        """Which of the scores may be the highest so far of their query (axis 0) or candidate (axis 1): flat indices."""
        across = 1 - axis
        growth, low = (np.expand_dims(of[parts[axis]], across) for of in (self.growth[axis], self.best[axis].low))
        one_each, errors = np.ndim(errors) == 0, errors * growth
        if one_each:
            highest = scores.max(axis=across, keepdims=True) - errors
        else:
            highest = (scores - errors).max(axis=across, keepdims=True)
        floor = np.maximum(highest, low) - errors
        # Flat indices are found several times as fast as those of rows and columns.
        return np.flatnonzero(scores >= floor.astype(scores.dtype))

    def _doubted(self, axis: int, cells: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Those of close cells that may have a rival, in this block or, where it does not hold all, in another."""
        if shape[1 - axis] < len(self.best[1 - axis].low):
            return cells
        of = np.divmod(cells, shape[1])[axis]
        return cells[np.bincount(of, minlength=1)[of] > 1]

    def _take(
        self, axis: int, parts: tuple[slice, slice], cells: np.ndarray, values: np.ndarray, errors: np.ndarray
    ) -> None:
        """Take in values of close cells, ascending flat indices of a block; `errors` are theirs but for `growth`."""
        rows, columns = parts
        width = columns.stop - columns.start
        row, column = np.divmod(cells, width)
        of, copies = (
            (rows.start + row, self.candidates.copies[columns][column])
            if axis == 0
            else (columns.start + column, self.queries.copies[rows][row])
        )
        errors = errors * self.growth[axis][of]
        self.best[axis].update(of, values - errors, values + errors, copies)
        here = np.flatnonzero(_within(self.pairs[0], rows) & _within(self.pairs[1], columns))
        right = (self.pairs[0][here] - rows.start) * width + self.pairs[1][here] - columns.start
        place = np.searchsorted(cells, right)
        among = np.append(cells, -1)[place] == right
        self.best[axis].of_pairs[here[among]] = (values + errors)[place[among]]


def _table(rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of these rows, as a column, and of these columns."""
    return np.arange(rows.start, rows.stop)[:, None], np.arange(columns.start, columns.stop)


def _products_of_pairs(
    queries: np.ndarray, candidates: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Inner products in float64 of queries and candidates, both [n, d], of which each pair is numbered: [pairs]."""
    found = np.empty(len(rows))
    step = max(1, PAIRED_NUMBERS // queries.shape[1])
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        found[part] = np.vecdot(queries[rows[part]].astype(np.float64), candidates[columns[part]].astype(np.float64))
    return found


def _at(errors: float | np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The bounds at flat indices of a block, of which there may be one for all."""
    return np.full(len(cells), errors) if np.ndim(errors) == 0 else errors.ravel()[cells]


def _within(numbers: np.ndarray, part: slice) -> np.ndarray:
    return (part.start <= numbers) & (numbers < part.stop)


class _Best:
    """How high the best score so far of each of so many vectors is, and which others may share it."""

    def __init__(self, count: int, pairs: int):
        self.low = np.full(count, -np.inf)  # what the best score is at least, within its error
        self.of_pairs = np.full(pairs, -np.inf)  # what the score of each right pair is at most, where it may be best
        self.close: list[tuple[np.ndarray, ...]] = []  # vector, score at most, and copies of those that may be best

    def update(self, of: np.ndarray, low: np.ndarray, high: np.ndarray, copies: np.ndarray) -> None:
        """Take in scores of the vectors `of` with others, at least and at most; `copies` of each of the others."""
        np.maximum.at(self.low, of, low)
        kept = high >= self.low[of]
        self.close.append((of[kept], high[kept], copies[kept]))

    def accuracy(self, of: np.ndarray) -> float:
        """Return the mean over pairs of 1/m where the score of the pair is the highest of its vector, which m share,
        else 0.
        """
        vectors, high, copies = (np.concatenate(parts) for parts in zip(*self.close, strict=True))
        ties = np.bincount(vectors, weights=copies * (high >= self.low[vectors]), minlength=len(self.low))
        return float(((self.of_pairs >= self.low[of]) / ties[of]).mean())


class _Nearest:
    """The highest scores so far of each of `rows` distinct vectors with its nearest neighbours among `others`."""

    def __init__(self, rows: int, others: int, neighbours: int):
        self.neighbours = neighbours
        self.scores = np.full((rows, min(neighbours, others)), -np.inf)

    def update(self, rows: slice, scores: np.ndarray, copies: np.ndarray) -> None:
        """Take in the scores [rows, others] with other vectors, of which there are `copies` [others]."""
        if copies.max() > 1:
            scores = np.repeat(scores, np.minimum(copies, self.neighbours), axis=1)
        known = self.scores[rows]
        kept = known.shape[1]
        self.scores[rows] = np.partition(np.concatenate([known, scores], axis=1), -kept, axis=1)[:, -kept:]

    @cached_property
    def means(self) -> np.ndarray:
        """Return the mean of these scores, [rows]; asked for when all are known."""
        return self.scores.mean(axis=1)

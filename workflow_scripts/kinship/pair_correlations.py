"""Correlations over pairs of languages, Pearson's and Spearman's, with bootstrap intervals over languages."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.measures.bootstrap import bootstrap_many, enough
from workflow_scripts.measures.correlations import CONSTANT, rounding_of_correlation

if TYPE_CHECKING:
    from workflow_scripts.config.sections import Resampling

MINIMUM_LANGUAGES = 3
# Of an interval: the few subsets of fewer languages would make it look narrow, that of three a point.
MINIMUM_RESAMPLED = 5
COEFFICIENTS = ("pearson", "spearman")
BLOCK = 2**17  # weights that are held at once, which with the ranks of one matrix fit in a processor's cache


@dataclass(frozen=True)
class PairCorrelations:
    """Correlations of each of some matrices with each of others; NaN where one is not defined."""

    values: np.ndarray  # [coefficients, first matrices, second matrices], as are the next three
    low: np.ndarray
    high: np.ndarray
    resamples: np.ndarray  # the number that an interval is made from
    pairs: np.ndarray  # [first matrices, second matrices]: ordered pairs known in both, as are the languages in them
    languages: np.ndarray


def correlate_pairs(first: np.ndarray, second: np.ndarray, resampling: "Resampling") -> PairCorrelations:
    """Correlate matrices over the ordered pairs of different languages that both know.

    Values that share a language depend on each other, so languages are resampled, not pairs: the bootstrap of the
    vertices of a graph (Snijders and Borgatti 1999, Connections 22). A pair counts as often as its languages were drawn
    together; a language has no pair with itself. Spearman's coefficient is Pearson's of the midranks, ranked anew in
    each resample. Undefined over fewer than three languages, or where a side is constant; resamples in which a side is
    are left out of the interval. Fewer than five languages have no interval, nor has a correlation that too few
    resamples have (`enough`).

    Args:
        first: Matrices [first matrices, languages, languages], NaN where a pair is unknown; the diagonal is left out.
        second: Others over the same languages [second matrices, languages, languages].
        resampling: How languages are resampled.
    """
    count = first.shape[-1]
    rows, columns = np.nonzero(~np.eye(count, dtype=bool))
    sides = first[:, rows, columns], second[:, rows, columns]
    shape = (len(COEFFICIENTS), len(first), len(second))
    values, low, high = (np.full(shape, np.nan) for _ in range(3))
    defined, pairs, languages = (np.zeros(size, dtype=int) for size in (shape, shape[1:], shape[1:]))
    # Matrices that know the same pairs are ranked together.
    for one, of_one in _by_pattern(sides[0]):
        for other, of_other in _by_pattern(sides[1]):
            known = one & other
            involved = np.unique([rows[known], columns[known]])
            block = np.ix_(of_one, of_other)
            pairs[block], languages[block] = known.sum(), len(involved)
            if len(involved) < MINIMUM_LANGUAGES:
                continue
            ends = np.searchsorted(involved, np.stack([rows[known], columns[known]]))
            chosen = np.arange(len(involved))
            matrices = sides[0][np.ix_(of_one, known)], sides[1][np.ix_(of_other, known)]
            statistic = _Statistic(*matrices, ends, chosen)
            whole = np.ix_(range(len(COEFFICIENTS)), of_one, of_other)
            values[whole] = statistic(chosen)
            if len(involved) >= MINIMUM_RESAMPLED and np.isfinite(values[whole]).any():
                error = rounding_of_correlation(int(known.sum()))
                found = bootstrap_many((chosen,), statistic, resampling, error)
                low[whole], high[whole], defined[whole] = found
    unknown = np.isnan(values) | ~enough(defined, resampling)
    low[unknown] = high[unknown] = np.nan
    return PairCorrelations(values, low, high, defined, pairs, languages)


def _by_pattern(values: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return which pairs are known, each such pattern once, and the rows of values [matrices, pairs] that have it."""
    patterns, of_row = np.unique(np.isfinite(values), axis=0, return_inverse=True)
    return [(pattern, np.flatnonzero(of_row == number)) for number, pattern in enumerate(patterns)]


class _Statistic:
    """Both coefficients of all matrices [coefficients, first, second, ...] by the languages drawn [..., languages]."""

    def __init__(self, first: np.ndarray, second: np.ndarray, ends: np.ndarray, languages: np.ndarray):
        # [matrices, pairs], centred, so that rounding is of the size of their spread.
        self.first, self.second = (side - side.mean(axis=1, keepdims=True) for side in (first, second))
        self.ends = ends  # [2, pairs], the languages of each pair
        self.languages = languages

    def __call__(self, drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        drawn = np.moveaxis(drawn, axis, -1)
        flat = drawn.reshape(-1, drawn.shape[-1])
        step = max(1, BLOCK // self.ends.shape[1])
        found = [self._of_draws(flat[start : start + step]) for start in range(0, len(flat), step)]
        together = np.concatenate(found, axis=-1)
        return together.reshape(*together.shape[:-1], *drawn.shape[:-1])

    def _of_draws(self, drawn: np.ndarray) -> np.ndarray:
        counts = (drawn[..., None] == self.languages).sum(axis=-2)
        weights = (counts[:, self.ends[0]] * counts[:, self.ends[1]]).astype(np.float64)
        ranks = [
            [midranks(values, weights) for values in side] for side in (self.first, self.second)
        ]  # of each matrix [draws, pairs]
        plain = [list(self.first), list(self.second)]
        return np.stack([_correlations(*sides, weights) for sides in (plain, ranks)])


def midranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the ranks of values [pairs] that are repeated by weights [draws, pairs]; ties share their mean rank."""
    order = np.argsort(values, kind="stable")
    last = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))  # of each run of equal values
    group = np.repeat(np.arange(len(last)), np.diff(last, prepend=-1))
    ends = np.cumsum(weights[:, order], axis=1)[:, last]
    starts = np.concatenate([np.zeros((len(ends), 1)), ends[:, :-1]], axis=1)
    ranks = np.empty_like(weights)
    ranks[:, order] = ((starts + ends + 1) / 2)[:, group]
    return ranks


def _correlations(first: list[np.ndarray], second: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return weighted Pearson's r of each of `first` with each of `second` [first, second, draws]; NaN: constant."""
    one, other = (np.stack([_standardised(values, weights) for values in side], axis=1) for side in (first, second))
    return np.moveaxis(one @ other.transpose(0, 2, 1), 0, -1)


def _standardised(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return values [pairs] or [draws, pairs] minus their weighted mean, scaled to weighted length 1; NaN: constant."""
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (weights * values).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
        spread = np.sqrt(weights) * (values - means)
        lengths = np.sqrt((spread * spread).sum(axis=1, keepdims=True))
        return np.where(lengths > CONSTANT, spread / lengths, np.nan)

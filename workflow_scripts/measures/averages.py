"""Means over languages and over pairs of languages, with bootstrap intervals over languages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.measures.bootstrap import bootstrap_many, times_drawn
from workflow_scripts.measures.rounding import rounding

if TYPE_CHECKING:
    from workflow_scripts.config.sections import Resampling

MINIMUM_LANGUAGES = 3  # for an interval over languages
AT_ONCE = 2**24  # means of resamples that are in memory


@dataclass(frozen=True)
class Average:
    """A mean and its bootstrap interval over languages; NaN where it is not defined."""

    mean: float
    ci_low: float = np.nan
    ci_high: float = np.nan
    resamples: int = 0  # of which the interval is made


def average_over_languages(values: np.ndarray, resampling: "Resampling") -> Average:
    """Return the mean of values [languages]; fewer than three have no interval."""
    return averages_over_languages(np.asarray(values)[None], resampling)[0]


def averages_over_languages(values: np.ndarray, resampling: "Resampling") -> list[Average]:
    """Return what `average_over_languages` does of each row of values [rows, languages]."""
    values = np.asarray(values, dtype=np.float64)

    def means(counts: np.ndarray) -> np.ndarray:
        return np.moveaxis(counts @ values.T, -1, 0) / counts.sum(axis=-1)

    count = values.shape[-1]
    return _averages(means, values.mean(axis=-1), count, resampling, _error(values, count))


def average_over_targets(values: np.ndarray, resampling: "Resampling") -> Average:
    """Return the mean of values [targets] with its bootstrap interval over targets; fewer than three have none."""
    return average_over_languages(values, resampling)


def averages_over_queries(found: np.ndarray, resampling: "Resampling") -> list[Average]:
    """Return the mean of what queries count, of each row of found [rows, queries], with its bootstrap interval over
    queries.

    All rows are of the same queries, of which each resample takes the same; fewer than three have no interval.
    """
    found = np.asarray(found, dtype=np.float64)
    at_once = max(1, AT_ONCE // resampling.resamples)
    blocks = [found[start : start + at_once] for start in range(0, len(found), at_once)]
    return [average for block in blocks for average in averages_over_languages(block, resampling)]


def average_over_candidates(values: np.ndarray, resampling: "Resampling") -> Average:
    """Return the mean over queries of means over candidates: values [queries, languages], NaN where a query would be
    its own.

    Languages that are nobody's candidates are not resampled; resamples that leave a query without any are left out.
    """
    return averages_over_candidates(np.asarray(values)[None], resampling)[0]


def averages_over_candidates(values: np.ndarray, resampling: "Resampling") -> list[Average]:
    """Return what `average_over_candidates` does of each row of values [rows, queries, languages], NaN in the same
    places.
    """
    known = ~np.isnan(values[0])
    candidates = known.any(axis=0)
    known, filled = known[:, candidates].astype(np.float64), np.nan_to_num(values[..., candidates])

    def means(counts: np.ndarray) -> np.ndarray:
        weights = np.stack([counts @ query for query in known])
        with np.errstate(invalid="ignore"):
            return np.stack([(np.stack([counts @ query for query in row]) / weights).mean(axis=0) for row in filled])

    queries, count = known.shape
    error = _error(filled.reshape(len(filled), -1), count + queries)
    return _averages(means, means(np.ones(count)), count, resampling, error)


def average_over_pairs(values: np.ndarray, resampling: "Resampling") -> Average:
    """Return the mean of values [languages, languages] over ordered pairs of different languages; the diagonal is not
    looked at.

    Values that share a language depend on each other, so languages are resampled, not pairs: the bootstrap of the
    vertices of a graph (Snijders and Borgatti 1999, Connections 22). A pair counts as often as its languages were
    drawn; a language has no pair with itself, so resamples of one language alone are left out. Fewer than three
    languages have no interval.
    """
    return averages_over_pairs(np.asarray(values)[None], resampling)[0]


def averages_over_pairs(values: np.ndarray, resampling: "Resampling") -> list[Average]:
    """Return what `average_over_pairs` does of each of values [matrices, languages, languages]."""
    values = np.array(values, dtype=np.float64)
    count = values.shape[-1]
    values[:, np.eye(count, dtype=bool)] = 0

    def means(counts: np.ndarray) -> np.ndarray:
        pairs = counts.sum(axis=-1) ** 2 - (counts**2).sum(axis=-1)
        with np.errstate(invalid="ignore"):
            return np.stack([((counts @ matrix) * counts).sum(axis=-1) for matrix in values]) / pairs

    error = _error(values.reshape(len(values), -1), 2 * count)
    return _averages(means, means(np.ones(count)), count, resampling, error)


def _error(values: np.ndarray, terms: int) -> np.ndarray:
    """Bound on what rounding makes of the means of each row of values [rows, n], sums of so many terms: [rows].

    Values are shares or cosines, or small differences of such, which have the rounding of numbers of size 1.
    """
    return rounding(terms + 4) * np.maximum(1.0, np.abs(values).max(axis=-1, initial=0))


def _averages(
    means: Callable[[np.ndarray], np.ndarray],
    observed: np.ndarray,
    languages: int,
    resampling: "Resampling",
    error: np.ndarray,
) -> list[Average]:
    """Observed means with their intervals.

    Args:
        means: Of resamples, [means, resamples], by how often each language was drawn, [resamples, languages].
        observed: Means of all, [means].
        languages: Their number.
        resampling: How intervals are drawn.
        error: Bound on what rounding makes of each mean, [means].
    """
    if languages < MINIMUM_LANGUAGES:
        return [Average(float(mean)) for mean in observed]

    def statistic(drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        return means(times_drawn(np.moveaxis(drawn, axis, -1), languages))

    places = np.arange(languages)
    found = bootstrap_many((places,), statistic, resampling, error)
    return [
        Average(float(mean), float(low), float(high), int(defined))
        for mean, low, high, defined in zip(observed, *found, strict=True)
    ]

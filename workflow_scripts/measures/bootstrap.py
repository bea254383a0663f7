"""Bootstrap intervals over languages, or over queries."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workflow_scripts.config.sections import Resampling


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval; NaN where it is not defined."""

    low: float
    high: float
    resamples: int  # of which it is made: those in which the statistic is defined


def bootstrap(
    data: tuple[np.ndarray, ...],
    statistic: Callable[..., np.ndarray],
    resampling: "Resampling",
    error: float,
) -> Interval:
    """Return the interval of a statistic under resampling of languages.

    Resamples whose statistic is the observed one within rounding, such as those that are the whole sample again, count
    half as below it in the bias correction of BCa.

    Args:
        data: One array [languages] or more, which are resampled together.
        statistic: Of resampled data [..., languages] along `axis`; NaN where it is not defined.
        resampling: How languages are resampled.
        error: Bound on what rounding makes of the statistic.
    """
    low, high, defined = bootstrap_many(data, statistic, resampling, error)
    return Interval(float(low), float(high), int(defined))


def bootstrap_many(
    data: tuple[np.ndarray, ...],
    statistic: Callable[..., np.ndarray],
    resampling: "Resampling",
    error: float | np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what `bootstrap` does of many statistics of the same resamples; `statistic` returns them in leading axes.

    `error` broadcasts to these axes. Ends within rounding of 0 are 0, so that an interval holds it or does not.

    Returns:
        The ends of the intervals, made of the resamples in which the statistics are defined, and the numbers of
        these resamples, in these axes.
    """
    from scipy import stats  # which takes half a second

    observed = np.asarray(statistic(*data))
    tie = np.broadcast_to(2 * np.asarray(error), observed.shape)

    def difference(*drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        """Return the statistic less the observed one, exactly 0 within rounding, so that scipy counts ties as such."""
        axes = (...,) + (None,) * (drawn[0].ndim - 1)
        from_observed = statistic(*drawn, axis=axis) - observed[axes]
        return np.where(np.abs(from_observed) <= tie[axes], 0.0, from_observed)

    with warnings.catch_warnings():
        # Degenerate resamples give NaN; they are counted below.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        found = stats.bootstrap(
            data,
            difference,
            paired=True,
            vectorized=True,
            n_resamples=resampling.resamples,
            confidence_level=resampling.confidence,
            method="percentile",
            rng=np.random.default_rng(resampling.seed),
        )
        defined = np.isfinite(found.bootstrap_distribution)
        drawn = np.where(defined, found.bootstrap_distribution, np.nan)
        tail = (1 - resampling.confidence) / 2
        if resampling.interval == "BCa":  # scipy's has no ends if one resample is undefined
            low, high = _bca(drawn, _without_each(data, difference), tail)
        else:
            low, high = np.nanquantile(drawn, [tail, 1 - tail], axis=-1)
    low, high = (np.where(np.abs(end) <= tie, 0.0, end) for end in (observed + low, observed + high))
    return low, high, defined.sum(axis=-1)


def enough(defined: int | np.ndarray, resampling: "Resampling") -> bool | np.ndarray:
    """Return whether a statistic is defined in as many resamples as lie inside of an interval of this confidence.

    With fewer, the ends of the interval would be where it has no numbers.
    """
    return defined >= resampling.confidence * resampling.resamples


def _without_each(data: tuple[np.ndarray, ...], statistic: Callable[..., np.ndarray]) -> np.ndarray:
    """Return a statistic of the data without each language in turn, [..., languages]."""
    count = len(data[0])
    others = np.nonzero(~np.eye(count, dtype=bool))[1].reshape(count, count - 1)
    return statistic(*(each[others] for each in data), axis=-1)


def _bca(drawn: np.ndarray, without_each: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of BCa intervals (Efron 1987), as scipy has them but from the resamples that are defined alone.

    Args:
        drawn: Differences from the observed statistics, NaN where not defined [..., resamples].
        without_each: The same of the data without each language in turn [..., languages].
        tail: Share of the resamples beyond each end.
    """
    from scipy.special import ndtr, ndtri

    below = ((drawn < 0).sum(axis=-1) + (drawn <= 0).sum(axis=-1)) / (2 * np.isfinite(drawn).sum(axis=-1))
    bias = ndtri(below)
    influence = without_each.mean(axis=-1, keepdims=True) - without_each
    skew = (influence**3).sum(axis=-1) / (6 * (influence**2).sum(axis=-1) ** 1.5)
    ends = []
    for share in (tail, 1 - tail):
        moved = bias + ndtri(share)
        shares = np.atleast_1d(ndtr(bias + moved / (1 - skew * moved)))
        rows = drawn.reshape(-1, drawn.shape[-1])
        quantiles = [
            np.nanquantile(row, of_row) if np.isfinite(of_row) else np.nan
            for row, of_row in zip(rows, shares.ravel(), strict=True)
        ]
        ends.append(np.array(quantiles).reshape(drawn.shape[:-1]))
    return ends[0], ends[1]


def times_drawn(drawn: np.ndarray, count: int) -> np.ndarray:
    """Return how often each of `count` things was drawn, from their numbers [..., draws]: float64 [..., count]."""
    resamples = drawn.reshape(-1, drawn.shape[-1])
    apart = resamples + count * np.arange(len(resamples))[:, None]
    return np.bincount(apart.ravel(), minlength=count * len(resamples)).reshape(*drawn.shape[:-1], count).astype(float)

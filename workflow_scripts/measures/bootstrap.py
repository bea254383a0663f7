"""Bootstrap intervals over languages."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval; NaN where it is not defined."""

    low: float
    high: float
    resamples: int  # of which it is made: those in which the statistic is defined


def bootstrap(
    data: tuple[np.ndarray, ...],
    statistic: Callable[..., np.ndarray],
    resamples: int,
    confidence: float,
    interval: Literal["percentile", "BCa"],
    seed: int,
) -> Interval:
    """The interval of a statistic under resampling of languages.

    Args:
        data: One array [languages] or more, which are resampled together.
        statistic: Of resampled data [..., languages] along `axis`; NaN where it is not defined.
        resamples: How many are drawn.
        confidence: Of the interval.
        interval: Its kind.
        seed: Of the draws.
    """
    low, high, defined = bootstrap_many(data, statistic, resamples, confidence, interval, seed)
    return Interval(float(low), float(high), int(defined))


def bootstrap_many(
    data: tuple[np.ndarray, ...],
    statistic: Callable[..., np.ndarray],
    resamples: int,
    confidence: float,
    interval: Literal["percentile", "BCa"],
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `bootstrap`, of many statistics of the same resamples: `statistic` returns them in leading axes.

    Returns:
        The ends of the intervals and the numbers of resamples in which the statistics are defined, in these axes.
    """
    from scipy import stats  # which takes half a second

    with warnings.catch_warnings():
        # Degenerate resamples give NaN; they are counted below.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        found = stats.bootstrap(
            data,
            statistic,
            paired=True,
            vectorized=True,
            n_resamples=resamples,
            confidence_level=confidence,
            method=interval,
            rng=np.random.default_rng(seed),
        )
        defined = np.isfinite(found.bootstrap_distribution)
        if interval == "BCa":
            low, high = found.confidence_interval
        else:
            tail = (1 - confidence) / 2
            drawn = np.where(defined, found.bootstrap_distribution, np.nan)
            low, high = np.nanquantile(drawn, [tail, 1 - tail], axis=-1)
    return np.asarray(low), np.asarray(high), defined.sum(axis=-1)

"""Correlations over candidate languages, with bootstrap intervals (paper, Table 2)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.measures.bootstrap import bootstrap, enough
from workflow_scripts.measures.rounding import rounding

if TYPE_CHECKING:
    from workflow_scripts.config.sections import Resampling

MINIMUM_CANDIDATES = 3
# A side whose spread is within rounding of its size is constant: its correlation would be noise.
CONSTANT = 1e-12


@dataclass(frozen=True)
class Correlation:
    """Pearson's r with its p-value and bootstrap interval; NaN where it is not defined."""

    r: float = np.nan
    ci_low: float = np.nan
    ci_high: float = np.nan
    p_value: float = np.nan
    resamples: int = 0  # in which r is defined: those in which neither side is constant


def correlate(x: np.ndarray, y: np.ndarray, resampling: "Resampling") -> Correlation:
    """Return Pearson's r of two sides [languages], resampling languages with both their values.

    Undefined (NaN) where there are fewer than three languages or a side is constant. Resamples in which a side is
    constant have no r and are left out of the interval; there is none (NaN) where their share is larger than that which
    lies outside of an interval of this confidence, since its ends would then be where it has no numbers.
    """
    from scipy import stats  # which takes half a second

    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(x) < MINIMUM_CANDIDATES or is_constant(x) or is_constant(y):
        return Correlation()
    r, p_value = stats.pearsonr(x, y)
    centred = x - x.mean(), y - y.mean()  # so that rounding is of the size of their spread
    error = rounding_of_correlation(len(x))
    found = bootstrap(centred, pearson, resampling, error)
    low, high = found.low, found.high
    if not enough(found.resamples, resampling):
        low, high = np.nan, np.nan
    return Correlation(float(r), low, high, float(p_value), found.resamples)


def is_constant(values: np.ndarray) -> bool:
    """Return whether values differ by no more than rounding."""
    return bool(np.ptp(values) <= CONSTANT * max(1.0, np.abs(values).max()))


def rounding_of_correlation(count: int) -> float:
    """Bound on what rounding makes of Pearson's r of so many pairs of values that have about the size of their spread.

    `count` terms and one more of each mean, which is subtracted in numerator and denominator; `count` and two more of
    the sums in both.
    """
    return rounding(4 * (count + 1) + 2 * (count + 2))


def pearson(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return Pearson's r along an axis; NaN where a side differs by no more than rounding."""
    x, y = x - x.mean(axis=axis, keepdims=True), y - y.mean(axis=axis, keepdims=True)
    squares = (x * x).sum(axis=axis), (y * y).sum(axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (x * y).sum(axis=axis) / np.sqrt(squares[0] * squares[1])
    return np.where(np.minimum(*squares) > CONSTANT**2, r, np.nan)

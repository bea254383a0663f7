"""How far rounding may move a computed number: what is nearer to another than that counts as equal to it.

The last bits of a sum or a product of matrices depend on its shape, on threads and on the processor. Where numbers are
compared, and what compares is counted, equal ones would fall on one side or the other. So those that rounding cannot
tell apart tie.
"""

import numpy as np
from numpy.typing import DTypeLike


def rounding(terms: int, dtype: DTypeLike = np.float64) -> float:
    """Bound on the error of a sum of products, over the sum of their magnitudes, whatever the order of summation.

    Each of so many terms passes through at most as many roundings, each by half the distance of neighbouring numbers
    (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1). Two such sums tie if they differ by no
    more than twice that.

    Args:
        terms: Of the sum; roundings of the factors are added to them.
        dtype: Floating-point type in which it is computed.
    """
    return terms * float(np.finfo(dtype).eps) / 2


def rounding_of_cosine(d: int) -> float:
    """Bound on the error of a cosine of vectors of d numbers in float64.

    d terms of the product; d / 2 and two more of each vector's length, by which it is divided.
    """
    return rounding(2 * (d + 2))


def first_highest(values: np.ndarray, error: float | np.ndarray) -> np.ndarray:
    """Return the index of the highest of values [..., n], the first of those that tie: [...].

    Args:
        values: To compare.
        error: Bound on that of each, which broadcasts to [..., 1].
    """
    return (values >= values.max(axis=-1, keepdims=True) - 2 * error).argmax(axis=-1)

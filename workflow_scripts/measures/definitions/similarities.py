"""The similarities by which candidates are ranked, made of inner products or cosines.

Each function is given products and the bound on their errors, and returns scores and the bound on theirs.
"""

import numpy as np

from workflow_scripts.measures.registry import similarity

Error = float | np.ndarray


@similarity("inner_product", "inner product", of_directions=False)
def inner_product(products: np.ndarray, error: Error) -> tuple[np.ndarray, Error]:
    """Return the inner products [n, m] as they are."""
    return products, error


@similarity("cosine", "cosine")
def cosine(cosines: np.ndarray, error: Error) -> tuple[np.ndarray, Error]:
    """Return the cosines [n, m] as they are."""
    return cosines, error


@similarity("centred_cosine", "cosine after the mean of all sentences of all languages is subtracted", centred=True)
def centred_cosine(cosines: np.ndarray, error: Error) -> tuple[np.ndarray, Error]:
    """Return the cosines [n, m] of a centred space as they are."""
    return cosines, error


@similarity("margin", "ratio of the cosine to the mean cosine with the four nearest neighbours of both", neighbours=4)
def margin(
    cosines: np.ndarray, error: Error, of_queries: np.ndarray, of_candidates: np.ndarray
) -> tuple[np.ndarray, Error]:
    """Return each cosine [n, m] over the mean of those to the nearest neighbours of both of its vectors.

    The ratio margin of Artetxe & Schwenk 2019, equation 2.
    """
    means = (of_queries + of_candidates) / 2
    ratios = cosines / means
    return ratios, error * (1 + np.abs(ratios)) / np.abs(means)


@similarity("csls", "twice the cosine less the mean cosines with the ten nearest neighbours of both", neighbours=10)
def csls(
    cosines: np.ndarray, error: Error, of_queries: np.ndarray, of_candidates: np.ndarray
) -> tuple[np.ndarray, Error]:
    """Return twice each cosine [n, m] less the means of those to the nearest neighbours of both of its vectors.

    Cross-domain similarity local scaling (Conneau et al. 2018, section 2.3). Four cosines make a score, and a mean of
    cosines is no farther off than one.
    """
    return 2 * cosines - of_queries - of_candidates, 4 * error

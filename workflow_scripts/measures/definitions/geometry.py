"""The shape of a space: how many dimensions it uses, how narrow a cone it is, and what its variance comes from."""

import numpy as np

from workflow_scripts.measures.registry import measure
from workflow_scripts.measures.vectors import language_means, unit_vectors


@measure("effective_rank", "effective rank of a language", of="languages", moves=False)
def effective_ranks(embeddings: np.ndarray) -> np.ndarray:
    """Return the `effective_rank` of each language: [languages], from [languages, sentences, d]."""
    return np.array([effective_rank(side) for side in embeddings])


def effective_rank(embeddings: np.ndarray) -> float:
    """Return exp of the entropy of the normalised singular values of centred embeddings [n, d] (Roy & Vetterli 2007).

    From 1, a line, to min(n − 1, d). NaN where all embeddings are the same.
    """
    exact = embeddings - embeddings.mean(axis=0, dtype=np.float64)
    gram = exact @ exact.T if len(exact) <= exact.shape[1] else exact.T @ exact
    return _effective_rank(gram)


@measure("effective_rank_of_space", "effective rank of all sentences of all languages", of="space", moves=False)
def effective_rank_of_space(embeddings: np.ndarray) -> float:
    """Return `effective_rank` of all sentences, [languages, sentences, d], without a copy of them all."""
    languages, sentences, d = embeddings.shape
    if languages * sentences <= d:
        return effective_rank(embeddings.reshape(-1, d))
    centre = language_means(embeddings).mean(axis=0)
    scatter = np.zeros((d, d))
    for side in embeddings:
        exact = side - centre
        scatter += exact.T @ exact
    return _effective_rank(scatter)


def _effective_rank(gram: np.ndarray) -> float:
    squares = np.linalg.eigvalsh(gram)
    # What rounding leaves of singular values that are zero.
    squares = squares[squares > len(gram) * np.finfo(np.float64).eps * max(squares[-1], 0)]
    if not len(squares):
        return float("nan")
    values = np.sqrt(squares)
    shares = values / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


@measure(
    "anisotropy", "mean cosine of two different sentences of a language", of="languages", centrings=("none", "all")
)
def anisotropy(embeddings: np.ndarray) -> np.ndarray:
    """Return the mean cosine of two different sentences of a language: [languages], from [languages, sentences, d].

    Ethayarajh 2019, and exactly: over all pairs, (|Σx̂|² − n) / (n (n − 1)). NaN of a single sentence.

    Raises:
        StudyError: an embedding is zero.
    """
    count = embeddings.shape[1]
    if count < 2:
        return np.full(len(embeddings), np.nan)
    sums = np.stack([unit_vectors(side).sum(axis=0) for side in embeddings])
    return (np.vecdot(sums, sums) - count) / (count * (count - 1))


def variance_explained(embeddings: np.ndarray) -> tuple[float, float]:
    """Return the shares of the total variance that language and sentence identity explain: R² of a group mean for each.

    The sums of squares between languages, and between sentences, over the total one, summed over dimensions.
    `embeddings` is [languages, sentences, d], translations in the same row. NaN where there is no variance.
    """
    by_language = language_means(embeddings)
    centre = by_language.mean(axis=0)
    sums, total = np.zeros(embeddings.shape[1:]), 0.0
    for side in embeddings:
        exact = side - centre
        sums += exact
        total += float(np.vecdot(exact, exact).sum())
    if total == 0:
        return float("nan"), float("nan")
    languages, sentences = embeddings.shape[:2]
    between_languages = sentences * ((by_language - centre) ** 2).sum()
    return float(between_languages / total), float((sums**2).sum() / languages / total)


@measure("variance_by_language", "share of the variance that language explains", of="space", moves=False)
def variance_by_language(embeddings: np.ndarray) -> float:
    """Return the first of `variance_explained`."""
    return variance_explained(embeddings)[0]


@measure("variance_by_sentence", "share of the variance that the sentence explains", of="space", moves=False)
def variance_by_sentence(embeddings: np.ndarray) -> float:
    """Return the second of `variance_explained`."""
    return variance_explained(embeddings)[1]

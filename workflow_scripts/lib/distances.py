"""Distances between languages in a space of sentence embeddings (paper, section 4).

Everything is a closed form in the sums of unit vectors: the mean cosine distance over all N² cross-language pairs of
sentences is 1 − mean(x̂)·mean(ŷ), so no N × N matrix is built.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workflow_scripts.lib.errors import StudyError


def unit_vectors(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings [..., d] scaled to length one, in float64.

    Raises:
        StudyError: an embedding is zero and so has no direction.
    """
    embeddings = np.asarray(embeddings, dtype=np.float64)
    lengths = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    if not lengths.all():
        where = tuple(int(index) for index in np.argwhere(lengths[..., 0] == 0)[0])
        raise StudyError(f"the embedding at {where} is zero, so that its cosine distances are not defined.")
    return embeddings / lengths


def pair_distances(embeddings: np.ndarray) -> np.ndarray:
    """Mean cosine distance over all pairs of sentences, one of each language: [languages, languages].

    `embeddings` is [languages, sentences, d]. The paper's mean pairwise cosine distance (section 4).
    """
    means = unit_vectors(embeddings).mean(axis=1)
    return 1 - means @ means.T


def centred_pair_distances(embeddings: np.ndarray) -> np.ndarray:
    """The same after the mean of all sentences of all languages has been subtracted: [languages, languages].

    A constant added to every sentence, which shrinks raw cosine distances, does not change it.
    """
    return pair_distances(centred(embeddings))


def centred(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings [languages, sentences, d] less their mean over all sentences, in float64."""
    embeddings = np.asarray(embeddings, dtype=np.float64)
    return embeddings - embeddings.mean(axis=(0, 1))


def mean_distances(embeddings: np.ndarray) -> np.ndarray:
    """Cosine distance between the mean embeddings of languages: [languages, languages]."""
    means = unit_vectors(np.asarray(embeddings, dtype=np.float64).mean(axis=1))
    return 1 - means @ means.T


def aligned_distances(embeddings: np.ndarray) -> np.ndarray:
    """Mean cosine distance between translations of a sentence: [languages, languages]."""
    units = unit_vectors(embeddings)
    return 1 - np.einsum("isd,jsd->ij", units, units, optimize=True) / units.shape[1]


DISTANCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "pairs": pair_distances,
    "pairs_centred": centred_pair_distances,
    "means": mean_distances,
    "aligned": aligned_distances,
}


@dataclass(frozen=True)
class Medoid:
    """A centre of a space; `language` and `sentence` say where it lies, if it is (a mean of) given embeddings."""

    vector: np.ndarray  # [d]
    language: int | None = None
    sentence: int | None = None


def sentence_medoid(embeddings: np.ndarray) -> Medoid:
    """The sentence with the smallest summed cosine distance to all sentences of all languages: argmax x̂·Σx̂.

    Of equals, the first.
    """
    units = unit_vectors(embeddings)
    closeness = units @ units.sum(axis=(0, 1))
    language, sentence = np.unravel_index(np.argmax(closeness), closeness.shape)
    return Medoid(embeddings[language, sentence], int(language), int(sentence))


def language_mean_medoid(embeddings: np.ndarray) -> Medoid:
    """The mean embedding of the language with the smallest summed cosine distance to those of the others."""
    means = np.asarray(embeddings, dtype=np.float64).mean(axis=1)
    language = int(np.argmin(mean_distances(embeddings).sum(axis=1)))
    return Medoid(means[language], language)


def centroid(embeddings: np.ndarray) -> Medoid:
    """The mean of all sentences of all languages."""
    return Medoid(np.asarray(embeddings, dtype=np.float64).mean(axis=(0, 1)))


MEDOIDS: dict[str, Callable[[np.ndarray], Medoid]] = {
    "sentence": sentence_medoid,
    "language_means": language_mean_medoid,
    "centroid": centroid,
}


def distances_to(medoid: Medoid, embeddings: np.ndarray) -> np.ndarray:
    """Cosine distance between each language's mean embedding and a medoid: [languages] (paper, section 4)."""
    means = unit_vectors(np.asarray(embeddings, dtype=np.float64).mean(axis=1))
    return 1 - means @ unit_vectors(medoid.vector)

"""Distances between languages in a space of sentence embeddings (paper, section 4).

Everything is a closed form in the sums of unit vectors: the mean cosine distance over all N² cross-language pairs of
sentences is 1 − mean(x̂)·mean(ŷ), so no N × N matrix is built. Nor are unit vectors: a weighted sum of embeddings is
theirs. Embeddings are read in blocks that stay in the processor's cache in float64, in which all sums are taken.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.rounding import first_highest, rounding_of_cosine

BLOCK_BYTES = 2**19  # of the float64 embeddings that are worked on at a time


def unit_vectors(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings [..., d] scaled to length one, in float64.

    Raises:
        StudyError: an embedding is zero and so has no direction.
    """
    embeddings = np.array(embeddings, dtype=np.float64)  # a copy, which is scaled in place
    lengths = np.sqrt(np.vecdot(embeddings, embeddings))
    _refuse_zeros(lengths)
    embeddings /= lengths[..., None]
    return embeddings


def pair_distances(embeddings: np.ndarray) -> np.ndarray:
    """Mean cosine distance over all pairs of sentences, one of each language: [languages, languages].

    `embeddings` is [languages, sentences, d]. The paper's mean pairwise cosine distance (section 4).

    Raises:
        StudyError: an embedding is zero.
    """
    return _distances_of_mean_directions(embeddings, None)


def centred_pair_distances(embeddings: np.ndarray) -> np.ndarray:
    """The same after the mean of all sentences of all languages has been subtracted: [languages, languages].

    A constant added to every sentence, which shrinks raw cosine distances, does not change it.
    """
    return _distances_of_mean_directions(embeddings, language_means(embeddings).mean(axis=0))


def mean_distances(embeddings: np.ndarray) -> np.ndarray:
    """Cosine distance between the mean embeddings of languages: [languages, languages]."""
    means = unit_vectors(language_means(embeddings))
    return 1 - means @ means.T


def aligned_distances(embeddings: np.ndarray) -> np.ndarray:
    """Mean cosine distance between translations of a sentence: [languages, languages]."""
    languages, sentences, d = embeddings.shape
    lengths, cosines = np.empty((languages, sentences)), np.zeros((languages, languages))
    rows = max(1, BLOCK_BYTES // (8 * d * languages))
    with np.errstate(divide="ignore", invalid="ignore"):  # zeros are refused below
        for start in range(0, sentences, rows):
            part = slice(start, start + rows)
            block = np.array(embeddings[:, part], dtype=np.float64)
            lengths[:, part] = np.sqrt(np.vecdot(block, block))
            block *= 1 / lengths[:, part, None]
            block = block.reshape(languages, -1)
            cosines += block @ block.T
    _refuse_zeros(lengths)
    return 1 - cosines / sentences


def language_means(embeddings: np.ndarray) -> np.ndarray:
    """Mean embedding of each language, [languages, d], in float64."""
    languages, sentences, d = embeddings.shape
    sums = np.zeros((languages, d))
    for language, _, block in _blocks(embeddings):
        sums[language] += np.ones(len(block)) @ block
    return sums / sentences


def _distances_of_mean_directions(embeddings: np.ndarray, centre: np.ndarray | None) -> np.ndarray:
    """1 − mean(x̂)·mean(ŷ) of each two languages, where x̂ points from the centre [d] (or zero) to x."""
    means = _sums_of_units(embeddings, centre) / embeddings.shape[1]
    return 1 - means @ means.T


def _sums_of_units(embeddings: np.ndarray, centre: np.ndarray | None = None) -> np.ndarray:
    """Sum of each language's embeddings, less the centre and then scaled to length one: [languages, d]."""
    languages, sentences, d = embeddings.shape
    sums, lengths = np.zeros((languages, d)), np.empty((languages, sentences))
    with np.errstate(divide="ignore", invalid="ignore"):  # zeros are refused below
        for language, rows, block in _blocks(embeddings):
            if centre is not None:
                block -= centre
            lengths[language, rows] = np.sqrt(np.vecdot(block, block))
            sums[language] += (1 / lengths[language, rows]) @ block
    _refuse_zeros(lengths)
    return sums


def _blocks(embeddings: np.ndarray) -> Iterator[tuple[int, slice, np.ndarray]]:
    """Copies in float64 of blocks of [languages, sentences, d], each with its language and its rows."""
    languages, sentences, d = embeddings.shape
    rows = max(1, BLOCK_BYTES // (8 * d))
    for language in range(languages):
        for start in range(0, sentences, rows):
            part = slice(start, start + rows)
            yield language, part, np.array(embeddings[language, part], dtype=np.float64)


def _refuse_zeros(lengths: np.ndarray) -> None:
    if not lengths.all():
        where = tuple(int(index) for index in np.argwhere(lengths == 0)[0])
        raise StudyError(f"the embedding at {where} is zero, so that its cosine distances are not defined.")


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
    total = _sums_of_units(embeddings).sum(axis=0)
    closeness = np.empty(embeddings.shape[:2])
    for language, rows, block in _blocks(embeddings):
        closeness[language, rows] = block @ total / np.sqrt(np.vecdot(block, block))
    error = rounding_of_cosine(len(total)) * np.sqrt(total @ total)
    language, sentence = np.unravel_index(first_highest(closeness.ravel(), error), closeness.shape)
    return Medoid(embeddings[language, sentence], int(language), int(sentence))


def language_mean_medoid(embeddings: np.ndarray) -> Medoid:
    """The mean embedding of the language with the smallest summed cosine distance to those of the others."""
    means = language_means(embeddings)
    units = unit_vectors(means)
    total = units.sum(axis=0)
    language = int(first_highest(units @ total, rounding_of_cosine(len(total)) * np.sqrt(total @ total)))
    return Medoid(means[language], language)


def centroid(embeddings: np.ndarray) -> Medoid:
    """The mean of all sentences of all languages."""
    return Medoid(language_means(embeddings).mean(axis=0))


MEDOIDS: dict[str, Callable[[np.ndarray], Medoid]] = {
    "sentence": sentence_medoid,
    "language_means": language_mean_medoid,
    "centroid": centroid,
}


def distances_to(medoid: Medoid, embeddings: np.ndarray) -> np.ndarray:
    """Cosine distance between each language's mean embedding and a medoid: [languages] (paper, section 4)."""
    means = unit_vectors(language_means(embeddings))
    return 1 - means @ unit_vectors(medoid.vector)

"""Distances between languages in a space of sentence embeddings (paper, section 4).

Everything is a closed form in the sums of unit vectors: the mean cosine distance over all N² cross-language pairs of
sentences is 1 − mean(x̂)·mean(ŷ), so no N × N matrix is built. Nor are unit vectors: a weighted sum of embeddings is
theirs. Embeddings are read in blocks that stay in the processor's cache in float64, in which all sums are taken.
"""

from dataclasses import dataclass

import numpy as np

from workflow_scripts.measures.registry import distance, measure, medoid
from workflow_scripts.measures.rounding import first_highest, rounding_of_cosine
from workflow_scripts.measures.vectors import BLOCK_BYTES, blocks, language_means, refuse_zeros, unit_vectors


@measure("pairs", "mean cosine distance over all cross-language sentence pairs", of="pairs", centrings=("none", "all"))
@distance("pairs", "mean cosine distance over all cross-language sentence pairs")
def pair_distances(embeddings: np.ndarray) -> np.ndarray:
    """Return the mean cosine distance over all pairs of sentences, one of each language: [languages, languages].

    `embeddings` is [languages, sentences, d]. The paper's mean pairwise cosine distance (section 4).

    Raises:
        StudyError: an embedding is zero.
    """
    return _distances_of_mean_directions(embeddings, None)


@distance("pairs_centred", "mean cosine distance over all cross-language sentence pairs of mean-centred embeddings")
def centred_pair_distances(embeddings: np.ndarray) -> np.ndarray:
    """Return `pair_distances` after the mean of all sentences of all languages has been subtracted: [languages,
    languages].

    A constant added to every sentence, which shrinks raw cosine distances, does not change it.
    """
    return _distances_of_mean_directions(embeddings, language_means(embeddings).mean(axis=0))


@distance("means", "cosine distance between the mean embeddings of two languages")
def mean_distances(embeddings: np.ndarray) -> np.ndarray:
    """Return the cosine distance between the mean embeddings of languages: [languages, languages]."""
    means = unit_vectors(language_means(embeddings))
    return 1 - means @ means.T


@measure("aligned", "mean cosine distance between translations", of="pairs")
@distance("aligned", "mean cosine distance between translations")
def aligned_distances(embeddings: np.ndarray) -> np.ndarray:
    """Return the mean cosine distance between translations of a sentence: [languages, languages]."""
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
    refuse_zeros(lengths)
    return 1 - cosines / sentences


def _distances_of_mean_directions(embeddings: np.ndarray, centre: np.ndarray | None) -> np.ndarray:
    """1 − mean(x̂)·mean(ŷ) of each two languages, where x̂ points from the centre [d] (or zero) to x."""
    means = _sums_of_units(embeddings, centre) / embeddings.shape[1]
    return 1 - means @ means.T


def _sums_of_units(embeddings: np.ndarray, centre: np.ndarray | None = None) -> np.ndarray:
    """Sum of each language's embeddings, less the centre and then scaled to length one: [languages, d]."""
    languages, sentences, d = embeddings.shape
    sums, lengths = np.zeros((languages, d)), np.empty((languages, sentences))
    with np.errstate(divide="ignore", invalid="ignore"):  # zeros are refused below
        for language, rows, block in blocks(embeddings):
            if centre is not None:
                block -= centre
            lengths[language, rows] = np.sqrt(np.vecdot(block, block))
            sums[language] += (1 / lengths[language, rows]) @ block
    refuse_zeros(lengths)
    return sums


@dataclass(frozen=True)
class Medoid:
    """A centre of a space; `language` and `sentence` say where it lies, if it is (a mean of) given embeddings."""

    vector: np.ndarray  # [d]
    language: int | None = None
    sentence: int | None = None


@medoid("sentence", "sentence embedding with the smallest summed cosine distance to all sentences")
def sentence_medoid(embeddings: np.ndarray) -> Medoid:
    """Return the sentence with the smallest summed cosine distance to all sentences of all languages: argmax x̂·Σx̂.

    Of equals, the first.
    """
    total = _sums_of_units(embeddings).sum(axis=0)
    closeness = np.empty(embeddings.shape[:2])
    for language, rows, block in blocks(embeddings):
        closeness[language, rows] = block @ total / np.sqrt(np.vecdot(block, block))
    error = rounding_of_cosine(len(total)) * np.sqrt(total @ total)
    language, sentence = np.unravel_index(first_highest(closeness.ravel(), error), closeness.shape)
    return Medoid(embeddings[language, sentence], int(language), int(sentence))


@medoid("language_means", "language mean with the smallest summed cosine distance to all language means")
def language_mean_medoid(embeddings: np.ndarray) -> Medoid:
    """Return the mean embedding of the language with the smallest summed cosine distance to those of the others."""
    means = language_means(embeddings)
    units = unit_vectors(means)
    total = units.sum(axis=0)
    language = int(first_highest(units @ total, rounding_of_cosine(len(total)) * np.sqrt(total @ total)))
    return Medoid(means[language], language)


@medoid("centroid", "mean of all sentence embeddings")
def centroid(embeddings: np.ndarray) -> Medoid:
    """Return the mean of all sentences of all languages."""
    return Medoid(language_means(embeddings).mean(axis=0))


def distances_to(medoid: Medoid, embeddings: np.ndarray) -> np.ndarray:
    """Return the cosine distance of each language's mean embedding from a medoid: [languages] (paper, section 4)."""
    means = unit_vectors(language_means(embeddings))
    return 1 - means @ unit_vectors(medoid.vector)


@measure(
    "medoid",
    "cosine distance of the mean of a language to the sentence medoid",
    of="languages",
    centrings=("none", "all"),
)
def distances_to_sentence_medoid(embeddings: np.ndarray) -> np.ndarray:
    """Return the cosine distance of each language's mean embedding to the sentence medoid: [languages]."""
    return distances_to(sentence_medoid(embeddings), embeddings)

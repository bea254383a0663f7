"""What measures of a space have in common: directions, and sums over sentences, in float64."""

from collections.abc import Iterator

import numpy as np

from workflow_scripts.jobs.errors import StudyError

BLOCK_BYTES = 2**19  # of the float64 embeddings that are worked on at a time, which stay in the processor's cache


def unit_vectors(embeddings: np.ndarray) -> np.ndarray:
    """Return embeddings [..., d] scaled to length one, in float64.

    Raises:
        StudyError: an embedding is zero and so has no direction.
    """
    embeddings = np.array(embeddings, dtype=np.float64)  # a copy, which is scaled in place
    lengths = np.sqrt(np.vecdot(embeddings, embeddings))
    refuse_zeros(lengths)
    embeddings /= lengths[..., None]
    return embeddings


def language_means(embeddings: np.ndarray) -> np.ndarray:
    """Return the mean embedding of each language, [languages, d], in float64."""
    languages, sentences, d = embeddings.shape
    sums = np.zeros((languages, d))
    for language, _, block in blocks(embeddings):
        sums[language] += np.ones(len(block)) @ block
    return sums / sentences


def blocks(embeddings: np.ndarray) -> Iterator[tuple[int, slice, np.ndarray]]:
    """Yield copies in float64 of blocks of [languages, sentences, d], each with its language and its rows."""
    languages, sentences, d = embeddings.shape
    rows = max(1, BLOCK_BYTES // (8 * d))
    for language in range(languages):
        for start in range(0, sentences, rows):
            part = slice(start, start + rows)
            yield language, part, np.array(embeddings[language, part], dtype=np.float64)


def refuse_zeros(lengths: np.ndarray) -> None:
    """Refuse embeddings of length zero.

    Raises:
        StudyError: a length [...] is zero, so that its embedding has no direction.
    """
    if not lengths.all():
        where = tuple(int(index) for index in np.argwhere(lengths == 0)[0])
        raise StudyError(f"the embedding at {where} is zero, so that its cosine distances are not defined.")

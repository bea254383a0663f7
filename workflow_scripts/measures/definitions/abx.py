"""ABX discrimination of form and meaning between languages (de Seyssel, Chi et al. 2025, EMNLP).

A space discriminates a triple of sentences if A, which shares with X what is tested, is nearer to X by cosine distance
than B, which shares everything else. For a language l, another m, and sentences i and j ≠ i of a parallel corpus:

- language: A = (l, i), B = (m, i), X = (l, j). Is a sentence nearer to another of its language than its translation is?
- meaning: A = (l, i), B = (l, j), X = (m, i). Is a sentence nearer to its translation than another sentence is?

The score is the share of triples that are discriminated, ties counting half as in speech (Schatz et al. 2013,
Interspeech): 1 is perfect, 0.5 is chance. All N(N − 1) triples of an ordered pair of languages are compared, none is
drawn. For meaning, that is where translations rank among the sentences of l: (N − midrank) / (N − 1), averaged.

Cosines are products in float64, since an intervention pulls sentences so close together that float32 would tie them.
"""

import numpy as np

from workflow_scripts.measures.rounding import rounding_of_cosine
from workflow_scripts.measures.vectors import unit_vectors

# Of what the score of a task is the share.
TASKS = {
    "language": "triples in which a sentence is nearer to another sentence of its language than its translation is",
    "meaning": "triples in which a sentence is nearer to its translation than another sentence is",
}
BLOCK_BYTES = 2**28  # of the cosines within languages that are held at a time


def abx_scores(embeddings: np.ndarray) -> dict[str, np.ndarray]:
    """Score of every task, [languages, languages], for l in the row and m in the column; NaN on the diagonal.

    `embeddings` is [languages, sentences, d], translations in the same row. Of each two languages, the N² cosines
    between them and those within each serve both tasks and both orders. A single sentence makes no triple: all is NaN.

    Raises:
        StudyError: an embedding is zero.
    """
    languages, sentences, d = embeddings.shape
    units = unit_vectors(embeddings)
    tie = 2 * rounding_of_cosine(d)  # cosines that near may be of the same vectors
    won = {task: np.zeros((languages, languages)) for task in TASKS}
    rows = max(1, BLOCK_BYTES // (8 * languages * sentences))
    for start in range(0, sentences, rows):
        block = slice(start, start + rows)
        within = [unit[block] @ unit.T for unit in units]
        for one in range(languages):
            for other in range(one + 1, languages):
                between = units[one, block] @ units[other].T
                translations = np.vecdot(units[one], units[other])
                # X of `one` is in the rows, sentence i of A and B in the columns; for X of `other` it is the other way
                # round, since cosines within a language are symmetric.
                won["language"][one, other] += _won(within[one] - between, start, tie)
                won["language"][other, one] += _won(within[other] - between, start, tie)
                won["meaning"][one, other] += _won(translations - between, start, tie)
                won["meaning"][other, one] += _won(translations[block, None] - between, start, tie)
    triples = sentences * (sentences - 1) or np.nan
    for scores in won.values():
        scores /= triples
        np.fill_diagonal(scores, np.nan)
    return won


def _won(advantages: np.ndarray, start: int, tie: float) -> float:
    """How many cosines of A exceed those of B, ties counting half, a sentence with itself left out.

    `advantages` [rows, sentences] are the differences; the first row is the sentence `start`.
    """
    rows = np.arange(len(advantages))
    advantages[rows, start + rows] = -np.inf
    return (np.count_nonzero(advantages > tie) + np.count_nonzero(advantages >= -tie)) / 2


def symmetrised(scores: np.ndarray) -> np.ndarray:
    """Return the scores [languages, languages] of pairs in either order: the mean of both orders."""
    return (scores + scores.T) / 2

"""The sentences of a language with their topics, in the half that probes are trained on and in that of the test."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

TASK = "topics"


@dataclass(frozen=True)
class Half:
    """Some sentences of a language."""

    ids: list[str]
    vectors: Any  # what a probe reads, [sentences, d]: an array, or a sparse matrix
    topics: list[str]


def halves(ids: Sequence[str], vectors: Any, topics: Sequence[str], tested: Collection[str]) -> tuple[Half, Half]:
    """Return the sentences that a probe is trained on, and those that it is tested on, whose ids are `tested`.

    Args:
        ids: Of the sentences of one language.
        vectors: Of the same sentences, [sentences, d].
        topics: Of the same sentences.
        tested: Ids of the test sentences.
    """
    found = []
    for of_test in (False, True):
        rows = [row for row, identifier in enumerate(ids) if (identifier in tested) == of_test]
        found.append(Half([ids[row] for row in rows], vectors[rows], [topics[row] for row in rows]))
    return found[0], found[1]

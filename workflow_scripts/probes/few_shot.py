"""Probes that are trained in one language and get a few examples of the language that they are tested in.

After Muller et al. (2022), "Languages You Know Influence Those You Learn": how far a few examples of the tested
language make up for a source language that is not like it.
"""

from collections.abc import Iterator

import numpy as np

from workflow_scripts.probes.classification import Classifier, majority
from workflow_scripts.probes.split import in_drawn_order
from workflow_scripts.probes.topics import Half


def examples_of(train: Half, language: str, seed: int) -> list[int]:
    """Return the rows of a language's training sentences in the order in which they are taken as examples.

    More examples have fewer among them; another language has others.
    """
    place = {identifier: row for row, identifier in enumerate(train.ids)}
    return [place[identifier] for identifier in in_drawn_order(train.ids, f"{seed} {language}")]


def told_with_examples(
    train: dict[str, Half], test: dict[str, Half], sources: list[str], examples: list[int], settings: dict
) -> Iterator[tuple[str | None, str, int, list[str]]]:
    """Yield source, test language, number of examples, and the topics that are told of the test sentences.

    The source is None where a probe has the examples alone; one whose examples are of one topic tells that.

    Args:
        train: Training sentences by language.
        test: Test sentences by language, those that probes are tested in.
        sources: Languages whose training sentences a probe has, all of them, when it is tested in another.
        examples: Numbers of examples, training sentences of the test language that it has as well.
        settings: `regularisation` of the probes, and `seed` of the examples.
    """
    without = {source: _probe([train[source]], settings["regularisation"]) for source in sources if 0 in examples}
    for language, tested in test.items():
        order = examples_of(train[language], language, settings["seed"])
        for count in examples:
            own = _rows(train[language], order[:count])
            for source in [*sources, None]:
                if source == language or (source is None and count == 0):
                    continue
                if count == 0:
                    probe = without[source]
                else:
                    known = [own] if source is None else [train[source], own]
                    probe = _probe(known, settings["regularisation"])
                yield source, language, count, list(probe(tested.vectors))


class _Constant:
    """Tell one label of all vectors."""

    def __init__(self, label: str):
        self._label = label

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Return the label for each vector [observations, d]."""
        return np.full(len(vectors), self._label)


def _probe(known: list[Half], regularisation: float) -> "Classifier | _Constant":
    """Return a probe trained on sentences, each of which counts the same."""
    topics = [topic for half in known for topic in half.topics]
    if len(set(topics)) < 2:
        return _Constant(majority(topics))
    return Classifier(np.concatenate([half.vectors for half in known]), topics, regularisation)


def _rows(half: Half, rows: list[int]) -> Half:
    return Half([half.ids[row] for row in rows], half.vectors[rows], [half.topics[row] for row in rows])

"""The topics of sentences in every language, told by probes that are each trained in one."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.config.specs import ProbeSpec
from workflow_scripts.embeddings.embedding_files import read_part
from workflow_scripts.probes.classification import scores
from workflow_scripts.probes.split import held_out
from workflow_scripts.texts.schema import read_labels

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


def embedded_halves(embeddings: Path, texts: Path, spec: ProbeSpec) -> tuple[dict[str, Half], dict[str, Half]]:
    """Return what probes on embeddings are trained on and what they are tested on, by language.

    Args:
        embeddings: Sentence embeddings (HDF5).
        texts: Sentences and their topics (parquet).
        spec: Languages, and which sentences are tested.

    Raises:
        StudyError: a file cannot be read, lacks a language, or has fewer than two sentences of one.
    """
    train, test = {}, {}
    for language in spec.languages:
        ids, vectors = read_part(embeddings, language)
        topics = read_labels(texts, language, "topic", ids)
        train[language], test[language] = halves(ids, vectors, topics, held_out(ids, spec.test_share, spec.seed))
    return train, test


def transfer(
    fit: Callable[[Half], Callable[[Any], Sequence[str]]], train: Mapping[str, Half], test: Mapping[str, Half]
) -> list[dict[str, Any]]:
    """Return one row per languages of training and of test and measure: task, train, test, sentences, measure, score.

    Args:
        fit: Returns a probe that is trained on some sentences, and tells the topics of others by their vectors.
        train: What probes are trained on, by language.
        test: What each is tested on, by language.
    """
    rows = []
    for language, half in train.items():
        probe = fit(half)
        for other, tested in test.items():
            key = {"task": TASK, "train": language, "test": other, "sentences": len(tested.topics)}
            measured = scores(probe(tested.vectors), tested.topics)
            rows += [{**key, "measure": measure, "score": score} for measure, score in measured.items()]
    return rows

"""The sentences of a treebank with their word embeddings, in the two sides that probes are trained on and tested on."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from workflow_scripts.embeddings.word_files import read_words
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.texts.schema import read_labels
from workflow_scripts.texts.schema import read_part as read_texts
from workflow_scripts.texts.trees import Edges, edges

Side = Literal["train", "test"]


@dataclass(frozen=True)
class Sentences:
    """Some sentences of a language."""

    vectors: list[np.ndarray]  # float32 [words, d] of each
    tags: list[list[str]]
    heads: list[list[int]]

    @cached_property
    def all_vectors(self) -> np.ndarray:
        """Return embeddings of all words, one sentence after the other, [words, d]."""
        return np.concatenate(self.vectors)

    @property
    def all_tags(self) -> list[str]:
        """Return the parts of speech of all words, one sentence after the other."""
        return [tag for tags in self.tags for tag in tags]

    @cached_property
    def counted(self) -> list[list[int]]:
        """Return the words of each sentence that attachment is scored on: all but punctuation."""
        return [[word for word, tag in enumerate(tags) if tag != "PUNCT"] for tags in self.tags]

    @cached_property
    def edges(self) -> list[Edges]:
        """Return the edges of each tree between the words that attachment is scored on."""
        return [edges(heads, counted) for heads, counted in zip(self.heads, self.counted, strict=True)]


def sentence_ids(texts: Path, language: str) -> list[str]:
    """Return the ids of all sentences of a treebank, with and without embeddings.

    Raises:
        StudyError: the file is damaged or lacks the language.
    """
    return read_texts(texts, language, "sentence")[0]


def read_side(words: Path, texts: Path, language: str, tested: set[str], side: Side) -> Sentences:
    """Return the sentences that a probe is trained on, or those that it is tested on.

    Raises:
        StudyError: a file is damaged, the two do not belong together, or no sentence of the side has embeddings.
    """
    embedded = read_words(words, language)
    rows = [row for row, identifier in enumerate(embedded.ids) if (identifier in tested) == (side == "test")]
    if not rows:
        raise StudyError(f"{words}: no sentence of {language} to {side} on; raise transfer.max_tokens.")
    ids = [embedded.ids[row] for row in rows]
    tags = [line.split() for line in read_labels(texts, language, "tags", ids)]
    heads = [list(map(int, line.split())) for line in read_labels(texts, language, "heads", ids)]
    vectors = [embedded.vectors[row] for row in rows]
    for identifier, *parts in zip(ids, vectors, tags, heads, strict=True):
        if len({len(part) for part in parts}) > 1:
            raise StudyError(f"{words} and {texts} differ in the words of {language} {identifier}; delete {words}.")
    return Sentences(vectors, tags, heads)

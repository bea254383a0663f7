"""Word embeddings on disk: HDF5, one group per language.

Each holds `ids` of the sentences, `words` int32 [sentences], how many each has, and `vectors` float32 [words, d] of one
sentence after the other. Sentences with a word that no token is of are left out.
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.hdf5 import opened, read_strings, write_strings


@dataclass(frozen=True)
class Words:
    """The word embeddings of one language, by sentence."""

    ids: list[str]
    vectors: list[np.ndarray]  # float32 [words, d] of each sentence


def write_words(group: h5py.Group, ids: list[str], words: list[int], vectors: np.ndarray) -> None:
    """Write the word embeddings of one language; every block carries a checksum."""
    write_strings(group, "ids", ids)
    counts = np.array(words, dtype=np.int32)
    group.create_dataset("words", data=counts, chunks=(len(counts),), fletcher32=True)
    rows = max(1, min(len(vectors), 2**20 // max(1, vectors.shape[1] * 4)))
    group.create_dataset("vectors", data=vectors.astype(np.float32), chunks=(rows, vectors.shape[1]), fletcher32=True)


def copy_words(cell: Path, file: h5py.File, language: str) -> None:
    """Add one language, from a cell of the cache, to a file of word embeddings."""
    with h5py.File(cell, "r") as source:
        for name in source:
            source.copy(source[name], file.require_group(language), name=name)


def read_words(path: Path, language: str) -> Words:
    """Return the word embeddings of one language.

    Raises:
        StudyError: the file is damaged or lacks that language.
    """
    with opened(path) as file:
        if language not in file:
            raise StudyError(f"{path} has no words of {language}; it has {', '.join(sorted(file))}.")
        group = file[language]
        ends = np.cumsum(group["words"][:])
        return Words(read_strings(group["ids"]), np.split(group["vectors"][:], ends[:-1]))

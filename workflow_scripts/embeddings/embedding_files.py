"""Sentence embeddings on disk: HDF5, a group `{language}/{part}` for each set of sentences.

Each group holds `embeddings`, float32 [sentences, d], and `ids`, the ids of the sentences in that order. `part` is
`sentence` in a plain parallel corpus, `sentence1` and `sentence2` in PAWS-X, and so on (texts/schema).
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import h5py
import numpy as np

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.hdf5 import read_strings, reading, write_strings


def write_part(group: h5py.Group, ids: list[str], embeddings: np.ndarray) -> None:
    """Write ids and embeddings [sentences, d] of one part of one language; every block carries a checksum."""
    write_strings(group, "ids", ids)
    rows = max(1, min(len(embeddings), 2**20 // max(1, embeddings.shape[1] * 4)))
    group.create_dataset(
        "embeddings", data=embeddings.astype(np.float32), chunks=(rows, embeddings.shape[1]), fletcher32=True
    )


def copy_language(cell: Path, file: h5py.File, language: str) -> None:
    """Add the parts of one language, from a cell of the cache, to a file of embeddings."""
    with h5py.File(cell, "r") as source:
        for part, group in source.items():
            for name in group:
                # Into a group that is there: one that HDF5 makes as it copies says when it was made.
                source.copy(group[name], file.require_group(f"{language}/{part}"), name=name)


class StoredEmbeddings:
    """Embeddings [sentences, d] that stay in their file: `shape`, and slices of rows, checked as they are read."""

    def __init__(self, dataset: h5py.Dataset, path: Path, name: str):
        self.shape: tuple[int, int] = dataset.shape
        self._dataset, self._path, self._name = dataset, path, name

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Float32 embeddings [rows, d].

        Raises:
            StudyError: the file is damaged, or one of these values is not finite.
        """
        with reading(self._path):
            embeddings = self._dataset[rows]
        if not np.isfinite(embeddings).all():
            raise StudyError(f"{self._path} holds NaN or infinite embeddings of {self._name}; see the log of its job.")
        return embeddings


@contextmanager
def open_part(path: Path, language: str, part: str = "sentence") -> Iterator[tuple[list[str], StoredEmbeddings]]:
    """Return the ids of one part of one language and, while the file is open, its embeddings, which may exceed memory.

    Raises:
        StudyError: the file is damaged or lacks that part.
    """
    name = f"{language}/{part}"
    with ExitStack() as stack:
        with reading(path):
            file = stack.enter_context(h5py.File(path, "r"))
            if name not in file:
                raise StudyError(f"{path} has no embeddings of {name}; it has {sorted(file)}.")
            ids = read_strings(file[name]["ids"])
            embeddings = StoredEmbeddings(file[name]["embeddings"], path, name)
        yield ids, embeddings


def read_part(path: Path, language: str, part: str = "sentence") -> tuple[list[str], np.ndarray]:
    """Return the ids and the float32 embeddings [sentences, d] of one part of one language.

    Raises:
        StudyError: the file is damaged, lacks that part, or holds values that are not finite.
    """
    with open_part(path, language, part) as (ids, embeddings):
        return ids, embeddings[:]


def read_aligned(path: Path, languages: list[str], part: str = "sentence") -> np.ndarray:
    """Return the embeddings of a parallel corpus, [languages, sentences, d]: row i means the same in every language.

    Raises:
        StudyError: as `read_part`, or the ids differ between languages.
    """
    first_ids, first = read_part(path, languages[0], part)
    aligned = np.empty((len(languages), *first.shape), dtype=np.float32)
    aligned[0] = first
    for row, language in enumerate(languages[1:], start=1):
        ids, embeddings = read_part(path, language, part)
        if ids != first_ids:
            raise StudyError(f"{path}: the ids of {language} differ from those of {languages[0]}.")
        aligned[row] = embeddings
    return aligned

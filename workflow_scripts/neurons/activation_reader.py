"""Reads blocks of neurons from a file of responses (`activation_files`), by several threads at a time.

HDF5 lets one thread read at a time, and takes longer over a checksum than over reading what it is of. So chunks are
read here from where HDF5 says that they lie in the file; each is stored as it is, its checksum behind it.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.hdf5 import reading
from workflow_scripts.neurons.checksums import fletcher32

CHECKSUM_BYTES = 4


class _Language(NamedTuple):
    """A dataset, its shape and that of its chunks."""

    dataset: h5py.h5d.DatasetID
    sentences: int
    neurons: int
    height: int
    width: int


class NeuronReader:
    """An open file's responses of all neurons to all sentences of some languages.

    Attributes:
        groups: index of each sentence's language, int [sentences].
        dtype: of the responses.
        width: neurons that lie together in the file; blocks bounded by its multiples read nothing twice.

    Raises:
        StudyError: the file is damaged or lacks a language.
    """

    def __init__(self, path: Path, pooling: str, languages: Sequence[str]):
        self._path = path
        with reading(path), ExitStack() as stack:
            self._file = stack.enter_context(h5py.File(path, "r"))
            if missing := [code for code in languages if f"{pooling}/{code}" not in self._file]:
                raise StudyError(f"{path} lacks {pooling} responses of {', '.join(missing)}; delete it and run again.")
            datasets = [self._file[f"{pooling}/{code}"] for code in languages]
            stack.pop_all()  # it stays open
        self._languages = [_Language(dataset.id, *dataset.shape, *dataset.chunks) for dataset in datasets]
        self._descriptor = os.open(path, os.O_RDONLY)
        self.groups = np.repeat(np.arange(len(languages)), [language.sentences for language in self._languages])
        self.dtype, self.width = datasets[0].dtype, self._languages[0].width

    def __enter__(self) -> "NeuronReader":
        return self

    def __exit__(self, *_) -> None:
        os.close(self._descriptor)
        self._file.close()

    def read(self, start: int, stop: int, block: np.ndarray | None = None) -> np.ndarray:
        """Responses of neurons `start` to `stop`, [sentences, stop − start]; by any thread.

        They are put into `block`, an earlier one that is done with, if it is of the same shape: new memory takes time.

        Raises:
            StudyError: the file is damaged.
        """
        shape = len(self.groups), stop - start
        block = block if block is not None and block.shape == shape else np.empty(shape, self.dtype)
        first = 0
        with reading(self._path):
            for language in self._languages:
                self._read(language, start, block[first : first + language.sentences])
                first += language.sentences
        return block

    def _read(self, language: _Language, start: int, block: np.ndarray) -> None:
        stop = start + block.shape[1]
        for row in range(0, language.sentences, language.height):
            rows = block[row : row + language.height]
            for column in range(start // language.width * language.width, stop, language.width):
                left, right = max(start, column), min(stop, column + language.width)
                chunk = self._chunk(language, row, column)
                rows[:, left - start : right - start] = chunk[: len(rows), left - column : right - column]

    def _chunk(self, language: _Language, row: int, column: int) -> np.ndarray:
        size = language.height * language.width * self.dtype.itemsize
        stored = np.empty(size + CHECKSUM_BYTES, np.uint8)
        place = language.dataset.get_chunk_info_by_coord((row, column))
        # Other sizes and masks are those of chunks that other filters were applied to.
        if place.size != len(stored) or place.filter_mask:
            raise OSError(f"the chunk at {row}, {column} is not stored as it was written")
        read = os.preadv(self._descriptor, [stored], place.byte_offset)
        content, checksum = stored[:size], int.from_bytes(stored[size:], "little")
        if read < len(stored) or fletcher32(content.view(np.uint16)) != checksum:
            raise OSError(f"the chunk at {row}, {column} has another checksum")
        return content.view(self.dtype).reshape(language.height, language.width)

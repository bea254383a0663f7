"""Reads blocks of neurons from a file of responses (`activation_files`)."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.hdf5 import reading


class NeuronReader:
    """An open file's responses of all neurons to all sentences of some languages.

    Attributes:
        groups: Index of each sentence's language, int [sentences].
        dtype: Data type of the responses.
        width: Neurons that lie together in the file; blocks bounded by its multiples read nothing twice.

    Raises:
        StudyError: the file is damaged or lacks a language.
    """

    def __init__(self, path: Path, pooling: str, languages: Sequence[str]):
        self._path = path
        with reading(path), ExitStack() as stack:
            self._file = stack.enter_context(h5py.File(path, "r"))
            if missing := [code for code in languages if f"{pooling}/{code}" not in self._file]:
                raise StudyError(f"{path} lacks {pooling} responses of {', '.join(missing)}; delete it and run again.")
            self._languages = [self._file[f"{pooling}/{code}"] for code in languages]
            stack.pop_all()  # it stays open
        self.groups = np.repeat(np.arange(len(languages)), [len(language) for language in self._languages])
        self.dtype, self.width = self._languages[0].dtype, self._languages[0].chunks[1]

    def __enter__(self) -> "NeuronReader":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def read(self, start: int, stop: int, block: np.ndarray | None = None) -> np.ndarray:
        """Return the responses of neurons `start` to `stop`, [sentences, stop − start]; any thread may call.

        They are put into `block`, an earlier one that is no longer needed, if its shape is the same: new memory takes
        time.

        Raises:
            StudyError: the file is damaged, which each chunk's checksum tells.
        """
        shape = len(self.groups), stop - start
        block = block if block is not None and block.shape == shape else np.empty(shape, self.dtype)
        first = 0
        with reading(self._path):
            for language in self._languages:
                language.read_direct(block, np.s_[:, start:stop], np.s_[first : first + len(language)])
                first += len(language)
        return block

"""Reads blocks of neurons from a file of responses (`activation_files`)."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.hdf5 import reading
from workflow_scripts.neurons.activation_files import exact_name


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
            self._exact = [self._exact_of(exact_name(pooling), code) for code in languages]
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

    def read_exactly(self, start: int, stop: int, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which of these neurons' responses float16 would coarsen, as columns of the block, int64 ascending; and
        these responses as far as they are known in float32, [sentences, such neurons].

        Args:
            start: First neuron.
            stop: After the last one.
            block: What `read` gives for these neurons.

        Raises:
            StudyError: the file is damaged.
        """
        inside = [units[(units >= start) & (units < stop)] for units, _ in self._exact]
        columns = np.unique(np.concatenate(inside)).astype(np.int64) - start
        responses = block[:, columns].astype(np.float32)
        first = 0
        with reading(self._path):
            for language, (units, exact), own in zip(self._languages, self._exact, inside, strict=True):
                if len(own):
                    place = np.searchsorted(units, own[0])
                    rows = slice(first, first + len(language))
                    responses[rows, np.searchsorted(columns, own - start)] = exact[:, place : place + len(own)]
                first += len(language)
        return columns, responses

    def _exact_of(self, name: str, language: str) -> tuple[np.ndarray, "h5py.Dataset | None"]:
        if f"{name}/{language}" not in self._file:
            return np.empty(0, np.int64), None
        return self._file[f"{name}_units/{language}"][:].astype(np.int64), self._file[f"{name}/{language}"]

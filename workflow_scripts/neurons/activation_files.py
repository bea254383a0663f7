"""Responses of neurons on disk: HDF5, a dataset `{pooling}/{language}` [sentences, neurons] for each language.

Beside them `tokens/{language}` [sentences], the number of real tokens of each sentence, and `row/{language}`, where it
stands among the texts: sentences lie in the order in which they went through the model, the longest first. The datasets
are chunked so that reading all sentences of a block of neurons, which is what ranking needs, touches only that block.

Where float16 would coarsen the responses of some units to a language's sentences, `{pooling}_exact/{language}` has them
in float32 [sentences, these units], and `{pooling}_exact_units/{language}` which units these are, ascending.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import h5py
import numpy as np

from workflow_scripts.jobs.hdf5 import opened

CHUNK = (64, 1024)  # sentences × neurons: 128 KiB of float16
WAITING = 2  # batches that may wait for the disk


class ResponseWriter:
    """Writes the responses to a language's sentences as they come, while the model works on the next ones.

        with ResponseWriter(cell, ["max"], sentences, neurons, "float16") as writer:
            writer.append({"max": responses})  # [some sentences, neurons]
            writer.finish()

    Whole chunks are written, in a thread of their own. What it fails with is raised by a later call.
    """

    def __init__(
        self,
        file: h5py.File,
        poolings: Sequence[str],
        sentences: int,
        neurons: int,
        storage: str,
        exact: Mapping[str, np.ndarray] = MappingProxyType({}),
    ):
        """Make the datasets.

        Args:
            file: Gets them.
            poolings: Names of those of all neurons.
            sentences: How many there will be.
            neurons: How many the model has.
            storage: Data type of the responses of all neurons.
            exact: By pooling, the units whose responses are kept in float32, too.
        """
        self._sentences, self._received = sentences, 0
        layout = {pooling: (neurons, storage) for pooling in poolings}
        for pooling, units in exact.items():
            layout[exact_name(pooling)] = (len(units), "float32")
            file.create_dataset(f"{exact_name(pooling)}_units", data=units.astype(np.int32), fletcher32=True)
        self._datasets, self._gathered = {}, {}
        for name, (width, dtype) in layout.items():
            chunks = (min(CHUNK[0], sentences), min(CHUNK[1], width))
            shape = (sentences, width)
            self._datasets[name] = file.create_dataset(name, shape, dtype=dtype, chunks=chunks, fletcher32=True)
            self._gathered[name] = np.empty((chunks[0], width), dtype=dtype)
        self._waiting: deque[Future] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1)

    def __enter__(self) -> "ResponseWriter":
        return self

    def __exit__(self, *_) -> None:
        self._thread.shutdown(cancel_futures=True)

    def append(self, responses: Mapping[str, np.ndarray]) -> None:
        """Take the responses to further sentences, by names of datasets, in their data types; they must not change."""
        self._wait(WAITING - 1)
        self._waiting.append(self._thread.submit(self._write, responses))

    def finish(self) -> None:
        """Wait until all is written."""
        self._wait(0)

    def _wait(self, left: int) -> None:
        while len(self._waiting) > left:
            self._waiting.popleft().result()

    def _write(self, responses: Mapping[str, np.ndarray]) -> None:
        whole = len(next(iter(self._gathered.values())))
        count, taken = len(next(iter(responses.values()))), 0
        while taken < count:
            first = self._received % whole
            more = min(count - taken, whole - first)
            for name, rows in responses.items():
                self._gathered[name][first : first + more] = rows[taken : taken + more]
            taken += more
            self._received += more
            if first + more == whole or self._received == self._sentences:
                for name, dataset in self._datasets.items():
                    dataset[self._received - first - more : self._received] = self._gathered[name][: first + more]


def exact_name(pooling: str) -> str:
    """Return the name of the dataset of what float16 would coarsen."""
    return f"{pooling}_exact"


def copy_language(cell: Path, file: h5py.File, language: str) -> None:
    """Add a language's datasets, from a cell of the cache, to the file of a model."""
    with h5py.File(cell, "r") as source:
        for name in source:
            # Into a group that is there: one that HDF5 makes as it copies says when it was made.
            source.copy(source[name], file.require_group(name), name=language)


def read_token_counts(path: Path, language: str) -> np.ndarray:
    """Return the number of real tokens of each sentence of a language, [sentences].

    Raises:
        StudyError: the file is damaged.
    """
    with opened(path) as file:
        return file[f"tokens/{language}"][:]

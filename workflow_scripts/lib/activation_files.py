"""Responses of neurons on disk: HDF5, a dataset `{pooling}/{language}` [sentences, neurons] for each language.

Beside them `tokens/{language}` [sentences], the number of real tokens of each sentence. The datasets are chunked so
that reading all sentences of a block of neurons, which is what ranking needs, touches only that block.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from workflow_scripts.lib.errors import StudyError

CHUNK = (64, 1024)  # sentences × neurons: 128 KiB of float16


def create_language(
    file: h5py.File, poolings: Sequence[str], sentences: int, neurons: int, storage: str
) -> dict[str, h5py.Dataset]:
    """Empty datasets for one language, to be filled with `write_rows`."""
    chunks = (min(CHUNK[0], sentences), min(CHUNK[1], neurons))
    return {
        pooling: file.create_dataset(pooling, (sentences, neurons), dtype=storage, chunks=chunks, fletcher32=True)
        for pooling in poolings
    }


def write_rows(datasets: Mapping[str, h5py.Dataset], start: int, responses: Mapping[str, np.ndarray]) -> None:
    """Write the responses of consecutive sentences from row `start` on.

    Raises:
        StudyError: a value is NaN, or too large for the data type of the file.
    """
    for pooling, rows in responses.items():
        dataset = datasets[pooling]
        if np.isnan(rows).any():
            raise StudyError("the model gives NaN activations: its weights are damaged, or its dtype is too narrow.")
        with np.errstate(over="ignore"):
            stored = rows.astype(dataset.dtype)
        if not np.isfinite(stored).all():
            raise StudyError(
                f"activations reach {np.abs(rows).max():g}, beyond {dataset.dtype}; set experts.storage: float32."
            )
        dataset[start : start + len(rows)] = stored


def copy_language(cell: Path, file: h5py.File, language: str) -> None:
    """Add a language's datasets, from a cell of the cache, to the file of a model."""
    with h5py.File(cell, "r") as source:
        for name in source:
            source.copy(source[name], file, name=f"{name}/{language}")


def read_neurons(
    path: Path, pooling: str, languages: Sequence[str], start: int, stop: int
) -> tuple[np.ndarray, np.ndarray]:
    """Responses [sentences, stop − start] to all sentences of these languages, and each sentence's language index.

    Raises:
        StudyError: the file is damaged or lacks a language.
    """
    try:
        with h5py.File(path, "r") as file:
            if missing := [code for code in languages if f"{pooling}/{code}" not in file]:
                raise StudyError(f"{path} lacks {pooling} responses of {', '.join(missing)}; delete it and run again.")
            blocks = [file[f"{pooling}/{code}"][:, start:stop] for code in languages]
    except OSError as error:
        raise StudyError(f"{path} is damaged ({error}); delete it and run again.") from error
    groups = np.repeat(np.arange(len(languages)), [len(block) for block in blocks])
    return np.concatenate(blocks), groups


def read_token_counts(path: Path, language: str) -> np.ndarray:
    """Number of real tokens of each sentence of a language, [sentences]."""
    with h5py.File(path, "r") as file:
        return file[f"tokens/{language}"][:]

"""Activation probabilities on disk: HDF5, a dataset `{language}` [neurons] of float64."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.hdf5 import opened


def write_probabilities(file: h5py.File, name: str, probabilities: np.ndarray) -> None:
    """Write those of a language [neurons], with checksums."""
    chunk = (min(len(probabilities), 2**17),)
    file.create_dataset(name, data=probabilities, chunks=chunk, fletcher32=True)


def read_probabilities(path: Path, languages: Sequence[str]) -> np.ndarray:
    """Return those of some languages, float64 [languages, neurons].

    Raises:
        StudyError: the file is damaged or lacks a language.
    """
    with opened(path) as file:
        if missing := [language for language in languages if language not in file]:
            raise StudyError(f"{path} has no activation probabilities of {', '.join(missing)}; run it again.")
        return np.stack([file[language][:] for language in languages])

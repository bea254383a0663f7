"""A number per neuron and language on disk, by which units are selected: HDF5, `{language}` [neurons] of float64."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.hdf5 import opened


def write_scores(file: h5py.File, name: str, scores: np.ndarray) -> None:
    """Write those of a language [neurons], with checksums."""
    chunk = (min(len(scores), 2**17),)
    file.create_dataset(name, data=scores, chunks=chunk, fletcher32=True)


def read_scores(path: Path, languages: Sequence[str]) -> np.ndarray:
    """Return those of some languages, float64 [languages, neurons].

    Raises:
        StudyError: the file is damaged or lacks a language.
    """
    with opened(path) as file:
        if missing := [language for language in languages if language not in file]:
            raise StudyError(f"{path} has no numbers of {', '.join(missing)}; run it again.")
        return np.stack([file[language][:] for language in languages])

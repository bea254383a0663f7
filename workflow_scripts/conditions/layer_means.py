"""Mean states of a layer, a language each, on disk: HDF5, a dataset `mean/{language}` [d] of float64.

`sentences/{language}` is the number of sentences that the mean is over. Where a method needs it, `within` [d, d] is the
covariance of sentences within a language, over the sentences of all languages.
"""

from pathlib import Path

import h5py
import numpy as np

from workflow_scripts.interventions.method import LayerStatistics
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.hdf5 import opened


def write_mean(file: h5py.File, name: str, mean: np.ndarray) -> None:
    """Write a mean, or a count, as a dataset with a checksum."""
    mean = np.atleast_1d(mean)
    file.create_dataset(name, data=mean, chunks=mean.shape, fletcher32=True)


def read_layer(path: Path, target: str) -> LayerStatistics:
    """Return the mean state over the sentences of the target, and over all those of the other languages.

    Raises:
        StudyError: the file is damaged, or lacks the target or another language.
    """
    with opened(path) as file:
        means = {language: file[f"mean/{language}"][:] for language in file.get("mean", {})}
        counts = {language: int(file[f"sentences/{language}"][0]) for language in means}
        within = file["within"][:] if "within" in file else None
    others = [language for language in means if language != target]
    if target not in means or not others:
        raise StudyError(f"{path} has no states of {target} and other languages; run it again.")
    weights = [counts[language] for language in others]
    of_others = np.average([means[language] for language in others], axis=0, weights=weights)
    return LayerStatistics(means[target], of_others, np.stack(list(means.values())), within)

"""What ranking found out about every neuron, on disk: HDF5, datasets [languages, neurons] of float64.

`expertise` (AUROC or average precision of a language against the others), `gap` (standardised mean gap), and what a
unit can be forced to: `mean` and `median` of the pooled response to the language's sentences, `token_mean` over all
tokens. Top-k is a slice of these, so another k costs nothing.
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from pydantic import TypeAdapter

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.hdf5 import opened, read_strings, write_strings
from workflow_scripts.models.sites import NeuronSite

STATISTICS = ("expertise", "gap", "mean", "median", "token_mean")
SITES = TypeAdapter(list[NeuronSite])


@dataclass(frozen=True)
class LanguageExperts:
    """The statistics of one language as target; arrays are [neurons]."""

    sites: list[NeuronSite]
    statistics: dict[str, np.ndarray]


def create(file: h5py.File, languages: list[str], sites: list[NeuronSite], names: list[str]) -> dict[str, h5py.Dataset]:
    """Create empty datasets for these languages and statistics, to be filled block by block of neurons.

    Each keeps the chunks that a block begins until later ones fill them, so long as it stays open.
    """
    neurons = sum(site.width for site in sites)
    write_strings(file, "languages", languages)
    write_strings(file, "sites", [SITES.dump_json(sites).decode()])
    chunk = min(neurons, 2**14)
    return {
        name: file.create_dataset(
            name,
            (len(languages), neurons),
            dtype="f8",
            chunks=(1, chunk),
            fletcher32=True,
            rdcc_nbytes=2 * len(languages) * chunk * 8,
            rdcc_w0=1,  # full chunks leave first
        )
        for name in names
    }


def read_language(path: Path, language: str) -> LanguageExperts:
    """Return the statistics of one language.

    Raises:
        StudyError: the file is damaged or does not know the language.
    """
    with opened(path) as file:
        languages = read_strings(file["languages"])
        if language not in languages:
            raise StudyError(f"{path} ranks neurons for {', '.join(languages)}, not for {language}; run it again.")
        row = languages.index(language)
        statistics = {name: file[name][row] for name in STATISTICS if name in file}
        return LanguageExperts(SITES.validate_json(*read_strings(file["sites"])), statistics)

"""Rank all neurons by how well they separate each language from the others (paper, section 3.2).

Every probing language is ranked, each against all others, from one sort of a neuron's responses; so neither another
target nor another k needs this stage again. Memory is bounded by a block of neurons.
"""

import os
from typing import Literal

import h5py
import numpy as np
from pydantic import Field

from workflow_scripts.lib import expert_files, stage
from workflow_scripts.lib.activation_files import CHUNK, read_neurons, read_token_counts
from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.expertise import rank_statistics
from workflow_scripts.lib.files import written_whole
from workflow_scripts.lib.manifests import read_manifest
from workflow_scripts.lib.progress import Progress

BLOCK_BYTES = 2**26  # of responses in memory at a time


class Spec(stage.Spec):
    """What the ranking depends on."""

    languages: list[str] = Field(description="Probing languages.")
    pooling: Literal["max", "mean", "last"] = Field(description="How a response was pooled over tokens.")
    expertise: Literal["auroc", "average_precision"] = Field(description="Measure of expertise.")
    token_mean: bool = Field(description="Whether the mean over all tokens is wanted too; needs pooling mean.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"model": "manifest of the model", "activations": "responses of all neurons (HDF5)"},
        outputs={"experts": "statistics of all neurons (HDF5)"},
        command=command,
    )
    manifest = read_manifest(files.model)
    tokens = [read_token_counts(files.activations, language) for language in spec.languages]
    if not all(len(counts) for counts in tokens):
        raise StudyError(f"{files.activations} has a language without sentences.")
    names = [name for name in expert_files.STATISTICS if name != "token_mean" or spec.token_mean]
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    # Whole chunks of the file, so that none is read twice.
    block = max(1, BLOCK_BYTES // (4 * CHUNK[1] * sum(len(counts) for counts in tokens))) * CHUNK[1]
    with (
        written_whole(files.experts) as beside,
        h5py.File(beside, "w") as out,
        Progress("ranking", total=manifest.neurons, unit="neuron") as progress,
    ):
        expert_files.create(out, spec.languages, manifest.sites, names)
        for start in range(0, manifest.neurons, block):
            stop = min(start + block, manifest.neurons)
            responses, groups = read_neurons(files.activations, spec.pooling, spec.languages, start, stop)
            ranked = rank_statistics(
                responses, groups, len(spec.languages), spec.expertise, threads=threads, first_neuron=start
            )
            for name in ("expertise", "gap", "mean", "median"):
                out[name][:, start:stop] = getattr(ranked, name)
            if spec.token_mean:
                means, groups = read_neurons(files.activations, "mean", spec.languages, start, stop)
                for row, counts in enumerate(tokens):
                    weighted = counts @ means[groups == row].astype(np.float64)
                    out["token_mean"][row, start:stop] = weighted / counts.sum()
            progress.advance(stop - start)


if __name__ == "__main__":
    stage.run(main)

"""Rank all neurons by how well they separate each language from the others (paper, section 3.2)."""

import os

from pydantic import Field

from workflow_scripts.config.settings import Expertise, ProbingLanguages, ResponsePooling
from workflow_scripts.jobs import stage
from workflow_scripts.models.manifests import read_manifest
from workflow_scripts.neurons.ranking import rank


class Spec(stage.Spec):
    """What the ranking depends on."""

    languages: ProbingLanguages
    pooling: ResponsePooling
    expertise: Expertise
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
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    rank(files.activations, files.experts, read_manifest(files.model).sites, **spec.model_dump(), threads=threads)


if __name__ == "__main__":
    stage.run(main)

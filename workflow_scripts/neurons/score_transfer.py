"""Find how far every neuron moves states towards each target's centroid: transfer neurons (Tezuka and Inoue 2025)."""

import numpy as np

from workflow_scripts.config.specs import ProbingSpec
from workflow_scripts.jobs import stage
from workflow_scripts.neurons.run import score_units


class Spec(ProbingSpec):
    """What the scores depend on; its languages are the targets."""


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={"model": "manifest of the model", "texts": "probing sentences (parquet)"},
        outputs={"scores": "transfer scores of all neurons (HDF5)"},
        command=command,
    )

    def score(*arguments) -> np.ndarray:
        from workflow_scripts.neurons.transfer_scores import transfer_scores  # only where the cache lacks a language

        return transfer_scores(*arguments)

    score_units(spec, files, files.scores, "transfer_scores", score)


if __name__ == "__main__":
    stage.run(main)

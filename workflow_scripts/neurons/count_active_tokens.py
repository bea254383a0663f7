"""Find for what share of each probing language's tokens every neuron is active, for LAPE (Tang et al. 2024)."""

import numpy as np

from workflow_scripts.config.specs import ProbingSpec
from workflow_scripts.jobs import stage
from workflow_scripts.neurons.run import score_units


class Spec(ProbingSpec):
    """What the probabilities depend on."""


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={"model": "manifest of the model", "texts": "probing sentences (parquet)"},
        outputs={"probabilities": "activation probabilities of all neurons (HDF5)"},
        command=command,
    )

    def score(*arguments) -> np.ndarray:
        from workflow_scripts.neurons.activation_probabilities import (
            activation_probabilities,  # only where the cache lacks a language
        )

        return activation_probabilities(*arguments)

    score_units(spec, files, files.probabilities, "activation_probabilities", score)


if __name__ == "__main__":
    stage.run(main)

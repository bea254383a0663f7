"""Damp units the more, the better they know the target: AurA (Suau et al. 2024, "Whispering Experts", section 3)."""

from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.interventions.method import Method, Settings, UnitStatistics

if TYPE_CHECKING:
    import torch


class AurA(Method):
    """Multiply each unit by α = 1 − 2(AUROC − ½) where its AUROC is above ½; others stay as they are.

    So a perfect expert is silenced and a unit at chance untouched. Suau et al. damp every unit above ½; here it is the
    chosen ones, all of them where k is the number of neurons.
    """

    needs_auroc = True

    def parameters(
        self, statistics: UnitStatistics, settings: Settings, generator: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Return one factor α per unit, from 0 to 1."""
        return {"factor": 1 - 2 * np.maximum(statistics.expertise - 0.5, 0)}

    def transform(self, activations: "torch.Tensor", factor: "torch.Tensor") -> "torch.Tensor":
        """Return the activations, damped."""
        return activations * factor

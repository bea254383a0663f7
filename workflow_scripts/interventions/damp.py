"""Damp units by a common factor: Det0 and Damp (Suau et al. 2024, "Whispering Experts", section 3)."""

from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.interventions.method import Method, Settings, UnitStatistics

if TYPE_CHECKING:
    import torch


class Damp(Method):
    """Silence each unit, Det0; at a strength below 1, Damp, which multiplies by α = 1 − strength."""

    def parameters(
        self, statistics: UnitStatistics, settings: Settings, generator: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Return no parameters: all units are silenced alike."""
        return {}

    def transform(self, activations: "torch.Tensor") -> "torch.Tensor":
        """Return zero, at every position."""
        return activations.new_zeros(activations.shape)  # not 0 × activations, NaN where one overflowed

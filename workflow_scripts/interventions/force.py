"""Force units to a constant (Suau et al. 2022; paper, section 3.3)."""

from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.interventions.method import Method, Settings, UnitStatistics

if TYPE_CHECKING:
    import torch


class Force(Method):
    """Set each unit to its mean response to sentences of the target language."""

    def parameters(
        self, statistics: UnitStatistics, settings: Settings, generator: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Return one forced value per unit."""
        return {"value": statistics.forced_value}

    def transform(self, activations: "torch.Tensor", value: "torch.Tensor") -> "torch.Tensor":
        """Return the value, at every position."""
        return value

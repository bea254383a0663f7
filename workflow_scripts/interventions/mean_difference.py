"""Add a direction to the residual stream (ActAdd, Turner et al. 2023; CAA, Rimsky et al. 2024)."""

from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.interventions.method import LayerStatistics, Method, Settings

if TYPE_CHECKING:
    import torch


class MeanDifference(Method):
    """Add to a layer's states the mean of the target's sentences less that of the other probing languages'.

    A sentence counts as the mean over its tokens, where CAA takes the last one of contrastive prompts.
    """

    on_layer = True

    def parameters(
        self, statistics: LayerStatistics, settings: Settings, generator: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Return the direction, one number per dimension."""
        return {"shift": statistics.target - statistics.others}

    def transform(self, activations: "torch.Tensor", shift: "torch.Tensor") -> "torch.Tensor":
        """Return the states, moved."""
        return activations + shift

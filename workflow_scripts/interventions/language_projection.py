"""Remove the subspace of language means from a layer's states (as Yang et al. 2021, "A Simple and Effective Method To
Eliminate the Self Language Bias in Multilingual Representations", do of embeddings)."""

from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.interventions.method import LayerStatistics, Method, Settings

if TYPE_CHECKING:
    import torch

NEGLIGIBLE = 1e-9  # of a singular value beside the largest


class LanguageProjection(Method):
    """Project a layer's states onto what is orthogonal to all differences between the probing languages' means.

    Thereby these means become one and the same. It does not matter which language is the target. On the last layer, it
    changes embeddings alone, by one matrix: the mean over tokens of what is projected is the projection of the mean.
    """

    on_layer = True

    def parameters(
        self, statistics: LayerStatistics, settings: Settings, generator: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """An orthonormal basis of the differences, one fewer than languages unless their means are dependent."""
        centred = statistics.languages - statistics.languages.mean(axis=0)
        _, values, directions = np.linalg.svd(centred, full_matrices=False)
        basis = directions[values > NEGLIGIBLE * values[0]]
        return {f"direction_{place}": direction for place, direction in enumerate(basis)}

    def transform(self, activations: "torch.Tensor", **directions: "torch.Tensor") -> "torch.Tensor":
        """The states without their components along the directions."""
        remaining = activations
        for direction in directions.values():
            remaining = remaining - (remaining @ direction)[..., None] * direction
        return remaining

"""Remove the subspace of language means from a layer's states (as Yang et al. 2021, "A Simple and Effective Method To
Eliminate the Self Language Bias in Multilingual Representations", do of embeddings)."""

from collections.abc import Iterable
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
        """Return an orthonormal basis of the differences, one fewer than languages unless their means are dependent."""
        return numbered("direction", language_basis(statistics.languages))

    def transform(self, activations: "torch.Tensor", **directions: "torch.Tensor") -> "torch.Tensor":
        """Return the states without their components along the directions."""
        return without_components(activations, directions.values())


def language_basis(means: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the differences between languages' means [languages, d]: [dimensions, d]."""
    _, values, directions = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)
    return directions[values > NEGLIGIBLE * values[0]]


def numbered(name: str, directions: np.ndarray) -> dict[str, np.ndarray]:
    """Return directions [directions, d] as parameters of a method, `name_0`, `name_1`, …, each [d]."""
    return {f"{name}_{place}": direction for place, direction in enumerate(directions)}


def without_components(states: "torch.Tensor", directions: Iterable["torch.Tensor"]) -> "torch.Tensor":
    """Return states [..., d] without their components along orthonormal directions, each [d]."""
    for direction in directions:
        states = states - (states @ direction)[..., None] * direction
    return states

"""Replace the language of a layer's states by the target and restore their norm: ReCoVeR (Sterz et al. 2025, "ReCoVeR
the Target Language: Language Steering without Sacrificing Task Performance")."""

from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.interventions.language_projection import language_basis, numbered, without_components
from workflow_scripts.interventions.method import LayerStatistics, Method, Settings

if TYPE_CHECKING:
    import torch


class Recover(Method):
    """Take the language's part out of a layer's states, put the target's in, and scale them to the norm that they had.

    ReCoVeR is told which language a text is in, subtracts that language's mean and adds the target's. Here texts of all
    languages go through one model, so what is taken out is each state's own part in the span of the differences between
    the probing languages' means. One layer is changed, where ReCoVeR changes all.
    """

    on_layer = True

    def parameters(
        self, statistics: LayerStatistics, settings: Settings, generator: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Return an orthonormal basis of the differences between languages, and the part of the target's mean in its
        span.
        """
        basis = language_basis(statistics.languages)
        return {"target": basis.T @ (basis @ statistics.target), **numbered("direction", basis)}

    def transform(
        self, activations: "torch.Tensor", target: "torch.Tensor", **directions: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return the states in the target's language, of the norm that they had."""
        moved = without_components(activations, directions.values()) + target
        norm = activations.float().norm(dim=-1, keepdim=True)
        moved_norm = moved.float().norm(dim=-1, keepdim=True)
        scale = norm / moved_norm.where(moved_norm > 0, 1.0)  # a zero state stays one
        return moved * scale.to(moved.dtype)

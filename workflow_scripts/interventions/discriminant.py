"""Replace a layer's states by the target's in the space that tells languages apart best, as ITLC (Lopo et al. 2025,
"Language Surgery in Multilingual Large Language Models") does by linear discriminant analysis."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.interventions.language_projection import language_basis, numbered
from workflow_scripts.interventions.method import LayerStatistics, Method, Settings

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class DiscriminantSettings(Settings):
    """Settings of the discriminant analysis."""

    # Share of the covariance within languages that a multiple of the identity of the same trace takes: few sentences
    # for many dimensions say little about the directions that vary least.
    shrinkage: float = 0.1

    def __post_init__(self) -> None:
        """Refuse shares that are none.

        Raises:
            ValueError: the shrinkage is not in (0, 1].
        """
        if not 0 < self.shrinkage <= 1:
            raise ValueError(f"shrinkage: {self.shrinkage:g} is no share of the covariance, above 0 and at most 1")


class Discriminant(Method):
    """Give a layer's states the target's mean coordinates in the discriminant space, and change nothing else in them.

    With W the covariance within languages, the discriminants are W⁻¹ times the differences between languages' means:
    what is read off a state. What is written back is W times a discriminant, which the other discriminants do not see.
    ITLC subtracts the source language's mean coordinates; here a state's own are, as the language is not known.
    """

    on_layer = True
    needs_covariance = True
    settings = DiscriminantSettings

    def parameters(
        self, statistics: LayerStatistics, settings: DiscriminantSettings, generator: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Return what is read off, `read_0`, …, what is written back, `write_0`, …, and what the target is given,
        `target`.
        """
        width = len(statistics.within)
        spread = np.trace(statistics.within) / width * np.eye(width)
        within = (1 - settings.shrinkage) * statistics.within + settings.shrinkage * spread
        basis = language_basis(statistics.languages)
        read = np.linalg.solve(within, basis.T).T
        # Made orthonormal by the metric W, so that one discriminant reads nothing of what another writes.
        factor = np.linalg.cholesky(read @ within @ read.T)
        read = np.linalg.solve(factor, read)
        write = read @ within
        return {"target": (read @ statistics.target) @ write, **numbered("read", read), **numbered("write", write)}

    def transform(
        self, activations: "torch.Tensor", target: "torch.Tensor", **directions: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return the states with the target's coordinates in the discriminant space."""
        moved = activations + target
        for read, write in pairs(directions):
            moved = moved - (activations @ read)[..., None] * write
        return moved


def pairs(directions: dict[str, "torch.Tensor"]) -> Iterator[tuple["torch.Tensor", "torch.Tensor"]]:
    """Yield what is read off and what is written back of each discriminant."""
    for place in range(len(directions) // 2):
        yield directions[f"read_{place}"], directions[f"write_{place}"]

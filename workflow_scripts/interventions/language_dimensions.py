"""Overwrite the dimensions of a layer's states that differ most between languages (Zhong et al. 2025, "Language Lives
in Sparse Dimensions: Toward Interpretable and Efficient Multilingual Control for Large Language Models")."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.interventions.method import LayerStatistics, Method, Settings

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class DimensionSettings(Settings):
    """Settings of the overwriting of dimensions."""

    share: float = 0.1  # of the layer's dimensions that are overwritten; Zhong et al. take 400 of 4,096
    scale: float = 1.0  # what the target's mean is multiplied by

    def __post_init__(self) -> None:
        """Refuse shares that are none.

        Raises:
            ValueError: the share is not in (0, 1].
        """
        if not 0 < self.share <= 1:
            raise ValueError(f"share: {self.share:g} is no share of the dimensions, above 0 and at most 1")


class LanguageDimensions(Method):
    """Set the dimensions in which the target's mean is farthest from the other languages' mean to the target's mean."""

    on_layer = True
    settings = DimensionSettings

    def parameters(
        self, statistics: LayerStatistics, settings: DimensionSettings, generator: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Return which dimensions are overwritten, 1 or 0, and with what; of equally far ones the first."""
        gap = np.abs(statistics.target - statistics.others)
        farthest = np.argsort(-gap, kind="stable")[: max(1, round(settings.share * len(gap)))]
        chosen = np.zeros(len(gap))
        chosen[farthest] = 1
        return {"chosen": chosen, "value": settings.scale * chosen * statistics.target}

    def transform(self, activations: "torch.Tensor", chosen: "torch.Tensor", value: "torch.Tensor") -> "torch.Tensor":
        """Return the states with the chosen dimensions at their values."""
        return value.where(chosen > 0, activations)

"""What a method of intervention has to say: its parameters from statistics, and its change to activations."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class UnitStatistics:
    """What is known of the chosen units for the target language; each array is [units]."""

    expertise: np.ndarray  # AUROC or average precision of the target against the other probing languages
    forced_value: np.ndarray  # response to the target's sentences, summarised as `intervention.forced_value` says


class Method:
    """A method of intervention. Subclasses set `name` and define both functions."""

    name: ClassVar[str]

    def parameters(self, statistics: UnitStatistics) -> dict[str, np.ndarray]:
        """The parameters to store in the condition, by name, each [units]."""
        raise NotImplementedError

    def transform(self, activations: "torch.Tensor", **parameters: "torch.Tensor") -> "torch.Tensor":
        """The new activations [..., units] of the chosen units, given the old ones and the parameters [units]."""
        raise NotImplementedError

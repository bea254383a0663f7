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
    # Pooled responses, [sentences, units], for methods with `needs_responses` alone.
    responses_to_target: np.ndarray | None = None
    responses_to_others: np.ndarray | None = None


@dataclass(frozen=True)
class LayerStatistics:
    """Mean states of a layer over sentences, of the target and of the other probing languages; each array is [d]."""

    target: np.ndarray
    others: np.ndarray
    languages: np.ndarray  # mean state of each probing language, [languages, d]


class Method:
    """A method of intervention. Subclasses set `name` and define `parameters` and `transform`."""

    name: ClassVar[str]
    needs_responses: ClassVar[bool] = False  # whether `parameters` reads the responses to single sentences
    on_layer: ClassVar[bool] = False  # whether it changes a layer's states, or else units such as experts
    fitted_by_layer: ClassVar[bool] = False  # whether each layer's parameters are of a model changed up to there
    needs_auroc: ClassVar[bool] = False  # whether `parameters` reads the expertise as an AUROC

    def parameters(self, statistics: UnitStatistics | LayerStatistics) -> dict[str, np.ndarray]:
        """The parameters to store in the condition, by name, each [units]; of a method on layers, each [d]."""
        raise NotImplementedError

    def apply(
        self, activations: "torch.Tensor", strength: "torch.Tensor | None" = None, **parameters: "torch.Tensor"
    ) -> "torch.Tensor":
        """The old activations [..., units] moved towards the new ones by the strength [units], all the way if None."""
        changed = self.transform(activations, **parameters)
        return changed if strength is None else activations + strength * (changed - activations)

    def transform(self, activations: "torch.Tensor", **parameters: "torch.Tensor") -> "torch.Tensor":
        """The new activations [..., units] of the chosen units, given the old ones and the parameters [units]."""
        raise NotImplementedError

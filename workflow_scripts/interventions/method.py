"""What a method of intervention has to say: its parameters from statistics, and its change to activations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

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


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a method of its own, which the config gives beside `method`; a method without any takes this one.

    A method's file subclasses it, with a type and a default for each setting. What is no setting, or has another type,
    is refused; so is what `__post_init__` raises a ValueError for. No setting can have the name of a key that every
    intervention has, such as `positions` or `strength`.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}


@dataclass(frozen=True)
class LayerStatistics:
    """Mean states of a layer over sentences, of the target and of the other probing languages; each array is [d]."""

    target: np.ndarray
    others: np.ndarray
    languages: np.ndarray  # mean state of each probing language, [languages, d]
    within: np.ndarray | None = None  # covariance of sentences within a language, [d, d], for `needs_covariance` alone


class Method:
    """A method of intervention, whose name is that of its file. Subclasses define `parameters` and `transform`."""

    settings: ClassVar[type[Settings]] = Settings  # those that `parameters` is given
    needs_responses: ClassVar[bool] = False  # whether `parameters` reads the responses to single sentences
    on_layer: ClassVar[bool] = False  # whether it changes a layer's states, or else units such as experts
    needs_covariance: ClassVar[bool] = False  # whether `parameters` reads how a layer's states vary within a language
    fitted_by_layer: ClassVar[bool] = False  # whether each layer's parameters are of a model changed up to there
    needs_auroc: ClassVar[bool] = False  # whether `parameters` reads the expertise as an AUROC

    def read_settings(self, given: Mapping[str, Any]) -> Settings:
        """Return the method's settings, those not given at their defaults.

        Raises:
            pydantic.ValidationError: the method has no such setting, or one has a wrong value.
        """
        from pydantic import TypeAdapter

        return TypeAdapter(self.settings).validate_python(dict(given))

    def parameters(
        self, statistics: UnitStatistics | LayerStatistics, settings: Settings, generator: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Return the parameters to store in the condition, by name, each [units]; of a method on layers, each [d].

        Args:
            statistics: What is known of the units, or of the layer.
            settings: Of the class that the method names in `settings`.
            generator: Of a fixed seed, or of the seed of the random control; for a method that draws.
        """
        raise NotImplementedError

    def apply(
        self, activations: "torch.Tensor", strength: "torch.Tensor | None" = None, **parameters: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return the old activations [..., units] moved towards the new ones by the strength [units], all the way if
        None.
        """
        changed = self.transform(activations, **parameters)
        return changed if strength is None else activations + strength * (changed - activations)

    def transform(self, activations: "torch.Tensor", **parameters: "torch.Tensor") -> "torch.Tensor":
        """Return new activations [..., units] of the chosen units, given the old ones and the parameters [units]."""
        raise NotImplementedError

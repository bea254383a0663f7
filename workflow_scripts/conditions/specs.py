"""Slices of the config that stages which make a condition depend on."""

from pydantic import Field

from workflow_scripts.config.settings import (
    ForcedValue,
    Method,
    MethodSettings,
    Positions,
    ResponsePooling,
    Selection,
    Strength,
    Target,
    Units,
)
from workflow_scripts.config.specs import ConditionSpec


class InterventionSpec(ConditionSpec):
    """What every condition on a target language depends on."""

    target: Target
    method: Method
    settings: MethodSettings = Field({})
    positions: Positions
    strength: Strength


class UnitsSpec(InterventionSpec):
    """What every condition on units that a ranking chooses depends on."""

    units: Units
    pooling: ResponsePooling
    k: int = Field(description="Number of units.")
    selection: Selection
    forced_value: ForcedValue

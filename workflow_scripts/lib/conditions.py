"""A condition: the only thing a model needs to be intervened on.

It is stored as a small JSON file, can be read without the workflow, and is applied by
`workflow_scripts.lib.interventions.intervene`.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.files import canonical_json, content_hash, write_text


class Site(BaseModel):
    """The intervened output units of one module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    module: str = Field(description="Name of the module inside the backbone, like h.0.mlp.dense_h_to_4h.")
    width: int = Field(gt=0, description="Number of output units of the module.")
    units: list[int] = Field(description="Indices of the intervened output units, ascending.")
    parameters: dict[str, list[float]] = Field(description="The method's parameters, one value a unit.")

    @model_validator(mode="after")
    def _lengths_agree(self) -> "Site":
        if self.units != sorted(set(self.units)) or (
            self.units and not 0 <= self.units[0] <= self.units[-1] < self.width
        ):
            raise ValueError(f"units of {self.module} must be ascending, distinct and below {self.width}")
        for name, values in self.parameters.items():
            if len(values) != len(self.units):
                raise ValueError(f"{self.module}: {len(values)} values of {name!r} for {len(self.units)} units")
        return self


class Condition(BaseModel):
    """Which units of a model are changed, and how; `base` changes none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Slug, like es-expert-max-k100; base for the unintervened model.")
    model: str = Field(description="The model's name in the config.")
    method: str = Field("none", description="Registered intervention method; none for the unintervened model.")
    units: Literal["none", "expert", "random"] = Field("none", description="How the units were chosen.")
    target: str | None = Field(None, description="Language whose experts are meant.")
    pooling: str | None = Field(None, description="How a neuron's response to a sentence was pooled over tokens.")
    k: int = Field(0, ge=0, description="Number of intervened units over all sites.")
    seed: int | None = Field(None, description="Seed of the random control.")
    positions: Literal["all", "last"] = Field("all", description="Token positions at which the units are changed.")
    sites: list[Site] = Field(default_factory=list)

    @model_validator(mode="after")
    def _k_units(self) -> "Condition":
        if sum(len(site.units) for site in self.sites) != self.k:
            raise ValueError(f"condition {self.name} says k = {self.k} but its sites list another number of units")
        return self

    @property
    def change(self) -> str:
        """Hash of what is done to the model; the name and how units were found do not matter."""
        return content_hash(self.model_dump(include={"method", "positions", "sites"}))

    def columns(self) -> dict[str, object]:
        """The columns that say in every metric CSV what was done to the model."""
        return {
            "model": self.model,
            "condition": self.name,
            "method": self.method,
            "units": self.units,
            "target": self.target,
            "pooling": self.pooling,
            "k": self.k,
            "seed": self.seed,
        }


def read_condition(path: Path) -> Condition:
    """Read a condition's JSON.

    Raises:
        StudyError: the file is no valid condition.
    """
    try:
        return Condition.model_validate_json(Path(path).read_bytes())
    except ValidationError as error:
        raise StudyError(f"{path} is not a valid condition ({error}); delete it and run again.") from error


def write_condition(path: Path, condition: Condition) -> None:
    """Write a condition as canonical JSON."""
    write_text(path, canonical_json(condition.model_dump()) + "\n")

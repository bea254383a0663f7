"""A condition: the only thing a model needs to be intervened on.

It is stored as a small JSON file, can be read without the workflow, and is applied by
`workflow_scripts.interventions.hooks.steer`.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from workflow_scripts.jobs.files import canonical_json, content_hash, read_json, write_text


@dataclass(frozen=True, kw_only=True)
class Site:
    """The intervened output units of one module.

    Raises:
        ValueError: the module has no units, those given are not ascending or beyond the module's, or a parameter has
            not one value per unit.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    module: str  # name inside the backbone, like h.0.mlp.dense_h_to_4h
    width: int  # number of output units of the module
    units: list[int]  # indices of the intervened output units, ascending
    parameters: dict[str, list[float]]  # of the method, one value per unit

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"{self.module} has {self.width} output units, so none to intervene on")
        if self.units != sorted(set(self.units)) or (
            self.units and not 0 <= self.units[0] <= self.units[-1] < self.width
        ):
            raise ValueError(f"units of {self.module} must be ascending, distinct and below {self.width}")
        for name, values in self.parameters.items():
            if len(values) != len(self.units):
                raise ValueError(f"{self.module}: {len(values)} values of {name!r} for {len(self.units)} units")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Which units of a model are changed, and how; `base` changes none.

    Raises:
        ValueError: the sites list another number of units than k.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str  # slug, like es-expert-max-k100; base for the unintervened model
    model: str  # its name in the config
    method: str = "none"  # registered intervention method; none for the unintervened model
    units: Literal["none", "expert", "random", "layer"] = "none"  # how the units were chosen; layer: all of a layer
    target: str | None = None  # language whose experts are meant
    pooling: str | None = None  # how a neuron's response to a sentence was pooled over tokens
    k: int = 0  # number of intervened units over all sites
    seed: int | None = None  # of the random control
    positions: Literal["all", "last"] = "all"  # of the tokens at which the units are changed
    sites: list[Site] = field(default_factory=list)

    def __post_init__(self) -> None:
        if sum(len(site.units) for site in self.sites) != self.k:
            raise ValueError(f"condition {self.name} says k = {self.k} but its sites list another number of units")

    @property
    def change(self) -> str:
        """Hash of what is done to the model; the name and how units were found do not matter."""
        done = {"method": self.method, "positions": self.positions, "sites": [asdict(site) for site in self.sites]}
        return content_hash(done)

    def columns(self) -> dict[str, object]:
        """Return the columns that say in every metric CSV what was done to the model."""
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
    return read_json(path, Condition, "a valid condition")


def write_condition(path: Path, condition: Condition) -> None:
    """Write a condition as canonical JSON."""
    from pydantic import TypeAdapter

    dumped = TypeAdapter(Condition).dump_python(condition, mode="json", warnings="error")
    write_text(path, canonical_json(dumped) + "\n")

"""Choose the units of a condition and their parameters: experts, the random control, or none (paper, 3.3 and 7)."""

from typing import Any, Literal

from pydantic import Field

from workflow_scripts.conditions.units import choose
from workflow_scripts.interventions.conditions import write_condition
from workflow_scripts.jobs import stage


class Spec(stage.Spec):
    """What a condition depends on."""

    name: str = Field(description="Slug of the condition.")
    model: str = Field(description="Name of the model.")
    units: Literal["expert", "random"] = Field(description="Which units are changed.")
    target: str = Field(description="Language whose experts are meant.")
    pooling: Literal["max", "mean", "last"] = Field(description="How responses were pooled.")
    k: int = Field(description="Number of units.")
    seed: int | None = Field(None, description="Seed of the random control.")
    selection: Literal["top", "bottom", "two_sided", "per_layer", "lape"] = Field(
        description="Which k neurons are experts."
    )
    method: str = Field(description="Registered method of intervention.")
    settings: dict[str, Any] = Field({}, description="The method's own settings, its defaults left out.")
    forced_value: Literal["mean", "median", "token_mean"] = Field(description="Summary of the target's responses.")
    positions: Literal["all", "last"] = Field(description="Token positions that are changed.")
    strength: float = Field(1.0, description="Share of the method's change that is made.")
    languages: list[str] = Field([], description="Probing languages, for what reads responses or probabilities.")
    draw: Literal["uniform", "same_layers"] | None = Field(None, description="How random units are drawn.")
    values: Literal["experts", "own"] | None = Field(None, description="Whose parameters random units are given.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "experts": "statistics of all neurons (HDF5)",
            "activations[...]": "responses of all neurons (HDF5), of which a method may need those of the units",
            "probabilities[...]": "activation probabilities of all neurons (HDF5), for the selection lape",
        },
        outputs={"condition": "the condition (JSON)"},
        command=command,
    )
    activations, probabilities = (next(iter(paths), None) for paths in (files.activations, files.probabilities))
    condition = choose(files.experts, activations=activations, probabilities=probabilities, **spec.model_dump())
    write_condition(files.condition, condition)


if __name__ == "__main__":
    stage.run(main)

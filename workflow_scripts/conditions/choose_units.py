"""Choose the units of a condition and their parameters: experts, the random control, or none (paper, 3.3 and 7)."""

from pydantic import Field

from workflow_scripts.conditions.specs import UnitsSpec
from workflow_scripts.conditions.units import choose
from workflow_scripts.config.fields import LanguageCode, Seed
from workflow_scripts.config.settings import ControlValues, Draw
from workflow_scripts.interventions.conditions import write_condition
from workflow_scripts.jobs import stage


class Spec(UnitsSpec):
    """What a condition depends on."""

    seed: Seed | None = Field(None, description="Seed of the random control; null for experts.")
    languages: list[LanguageCode] = Field(
        [], description="Probing languages, for what reads responses or activation probabilities."
    )
    draw: Draw | None = Field(None, description="How random units are drawn; null for experts.")
    values: ControlValues | None = Field(None, description="Values that random units are given; null for experts.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "experts": "statistics of all neurons (HDF5)",
            "activations[...]": "responses of all neurons (HDF5), of which a method may need those of the units",
            "scores[...]": "activation probabilities or transfer scores of all neurons (HDF5), for lape or transfer",
        },
        outputs={"condition": "the condition (JSON)"},
        command=command,
    )
    activations, scores = (next(iter(paths), None) for paths in (files.activations, files.scores))
    condition = choose(files.experts, activations=activations, scores=scores, **spec.model_dump())
    write_condition(files.condition, condition)


if __name__ == "__main__":
    stage.run(main)

"""List the experts of a language as a CSV: where they are in the model, how expert, and how they respond."""

from pydantic import Field

from workflow_scripts.conditions.expert_table import expert_table
from workflow_scripts.config.settings import ModelName, RankedSelection, ResponsePooling, Target
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.files import written_whole


class Spec(stage.Spec):
    """What the list depends on."""

    model: ModelName
    target: Target
    pooling: ResponsePooling
    k: int = Field(ge=1, description="How many experts are listed.")
    selection: RankedSelection


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"experts": "statistics of all neurons (HDF5)"},
        outputs={"listed": "a row per expert, the best first (CSV)"},
        command=command,
    )
    listed = expert_table(files.experts, spec.target, spec.k, spec.selection)
    for place, name in enumerate(("model", "target", "pooling")):
        listed.insert(place, name, getattr(spec, name))
    with written_whole(files.listed) as beside:
        listed.to_csv(beside, index=False)


if __name__ == "__main__":
    stage.run(main)

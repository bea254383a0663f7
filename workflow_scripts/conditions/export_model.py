"""Write a model under a condition as an ordinary checkpoint, which other programs run without this workflow."""

from dataclasses import replace

from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.interventions.export import export_model
from workflow_scripts.jobs import stage
from workflow_scripts.models.loading import load_model
from workflow_scripts.models.manifests import read_manifest


class Spec(stage.Spec):
    """What the checkpoint depends on beside its inputs: nothing."""


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    _, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"model": "manifest of the model", "condition": "the intervention (JSON)"},
        outputs={"checkpoint": "folder of config, weights and tokenizer"},
        command=command,
    )
    # In the host's memory, all of it: weights are read, a few rows of them changed, and written.
    loaded = load_model(replace(read_manifest(files.model), device_map=None), "cpu")
    export_model(loaded.model, read_condition(files.condition), files.checkpoint, loaded.tokenizer)


if __name__ == "__main__":
    stage.run(main)

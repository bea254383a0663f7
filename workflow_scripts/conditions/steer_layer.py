"""Make the condition of a method that acts on a whole layer: its block's output, every dimension of it."""

from pathlib import Path

from workflow_scripts.conditions.layer_means import read_layer
from workflow_scripts.conditions.specs import InterventionSpec
from workflow_scripts.config.settings import ChangedLayer
from workflow_scripts.interventions.conditions import Condition, Site, write_condition
from workflow_scripts.interventions.registry import parameters_of
from workflow_scripts.jobs import stage
from workflow_scripts.models.manifests import ModelManifest, read_manifest
from workflow_scripts.models.sites import changed_layer, module_of_layer


class Spec(InterventionSpec):
    """What the condition depends on."""

    layer: ChangedLayer


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"model": "manifest of the model", "means": "mean states of the layer by language (HDF5)"},
        outputs={"condition": "the condition (JSON)"},
        command=command,
    )
    write_condition(files.condition, steer(spec, read_manifest(files.model), files.means))


def steer(spec: Spec, manifest: ModelManifest, means: Path) -> Condition:
    """Return the condition that a spec asks for.

    Raises:
        StudyError: the model has no such layer, or there are no means of it.
    """
    statistics = read_layer(means, spec.target)
    parameters = parameters_of(spec.method, spec.strength, statistics, spec.settings)
    width = len(statistics.target)  # of a layer within, not always that of the last
    site = Site(
        module=module_of_layer(manifest.blocks, changed_layer(manifest.blocks, spec.layer)),
        width=width,
        units=list(range(width)),
        parameters={name: values.tolist() for name, values in parameters.items()},
    )
    named = spec.model_dump(include={"name", "model", "method", "target", "positions"})
    return Condition(**named, units="layer", k=width, sites=[site])


if __name__ == "__main__":
    stage.run(main)

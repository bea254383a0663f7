"""Collect what made the results: config, code, packages, machine, models, data sets and seeds."""

from pydantic import Field

from workflow_scripts.config.study import Config
from workflow_scripts.jobs import stage
from workflow_scripts.models.manifests import read_manifest
from workflow_scripts.report.provenance import collect, write_provenance


class Spec(stage.Spec):
    """What the provenance depends on."""

    config: Config = Field(description="The whole resolved config.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "models...": "manifests of the study's models (JSON)",
            "texts...": "texts of the study's data sets, each file named by its data set (parquet)",
        },
        outputs={"provenance": "the provenance (JSON)"},
        command=command,
    )
    manifests = [read_manifest(path) for path in files.models]
    texts = {path.stem: path for path in files.texts}
    write_provenance(files.provenance, collect(spec.config, manifests, texts))


if __name__ == "__main__":
    stage.run(main)

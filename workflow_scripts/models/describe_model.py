"""Fetch a model, if it lies on the hub, and find its neurons; write the manifest that later stages load it from."""

import logging
from pathlib import Path

from pydantic import Field

from workflow_scripts.config.languages import Language
from workflow_scripts.config.models import ModelConfig
from workflow_scripts.config.settings import ModelName, Sites
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.downloads import refuse_damaged
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import content_hash
from workflow_scripts.models.directories import BESIDE_WEIGHTS, CODE, directory_hash, known_files
from workflow_scripts.models.loading import (
    adapters_in,
    load_tokenizer,
    model_directory,
    require_weights,
)
from workflow_scripts.models.manifests import ModelManifest, write_manifest
from workflow_scripts.models.repositories import asking_the_hub, structure_in
from workflow_scripts.models.tags import tags_of

log = logging.getLogger(__name__)


class Spec(stage.Spec):
    """What the manifest depends on."""

    name: ModelName
    model: ModelConfig = Field(
        description="The model in the config; k, seen and label are blank, since they change nothing here."
    )
    directory: str | None = Field(description="Directory of the weights; null for the hub.")
    sites: Sites
    languages: dict[str, Language] = Field(
        default_factory=dict,
        description="Languages of the study, of which the tokenizer of a translation model has tags.",
    )


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec, __doc__, inputs={}, outputs={"manifest": "manifest of the model (JSON)"}, command=command
    )
    if spec.model.hub is not None:
        refuse_damaged(download(spec.model, spec.name).rglob("*"), f"models.{spec.name}")
    write_manifest(files.manifest, describe(spec))


def describe(spec: Spec) -> ModelManifest:
    """Return the manifest of a model whose files are on this machine.

    Raises:
        StudyError: files are missing, the architecture cannot be used, or the neurons are not those expected.
    """
    model = spec.model
    directory = model_directory(model.hub, model.revision, spec.directory)
    if not directory.is_dir():
        raise StudyError(f"models.{spec.name}.path: there is no directory {directory}.")
    require_weights(directory, model.pickle_weights, spec.name)
    structure = structure_in(directory, model, spec.sites, spec.name)
    tokenizer = load_tokenizer(directory, model.trust_remote_code)
    structure["left_out"][:0] = [
        f"{adapter}, an adapter beside the weights, is not applied" for adapter in adapters_in(directory)
    ]
    for left in structure["left_out"]:
        log.warning("models.%s leaves out: %s", spec.name, left)
    tags = tags_of(tokenizer, spec.languages, spec.name)
    files = {} if model.hub else known_files(directory)
    identity = content_hash([model.hub, model.revision]) if model.hub else directory_hash(files)
    if model.text_prefix or tags:  # which make of the same weights another model
        identity = content_hash([identity, model.text_prefix, tags])
    as_configured = {"hub", "revision", "dtype", "device_map", "trust_remote_code", "pickle_weights", "text_prefix"}
    return ModelManifest(
        name=spec.name,
        directory=None if model.hub else str(directory),
        identity=identity,
        files=files if model.path else {},  # what the workflow itself made, nobody overwrites
        tags=tags,
        **structure,
        **model.model_dump(include=as_configured),
    )


def download(model: ModelConfig, name: str) -> Path:
    """Download the files of a hub repository that the config allows, at the pinned commit: the folder they lie in.

    Raises:
        StudyError: the repository is gated, unknown or out of reach.
    """
    from huggingface_hub import snapshot_download

    code = CODE if model.trust_remote_code else []
    with asking_the_hub(model, name):
        directory = snapshot_download(
            model.hub, revision=model.revision, allow_patterns=[*BESIDE_WEIGHTS, "*.safetensors", *code]
        )
        # Only where there is no other format, so that allowing pickles never prefers them.
        if model.pickle_weights and not any(Path(directory).glob("*.safetensors")):
            snapshot_download(model.hub, revision=model.revision, allow_patterns=["*.bin"])
        return Path(directory)


if __name__ == "__main__":
    stage.run(main)

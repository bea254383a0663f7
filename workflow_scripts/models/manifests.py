"""A model's manifest: where its weights are, what they are, and which neurons it has.

Written once a model by the stage `model`; every later stage loads the model from it and builds its cache keys on
`identity`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import write_text
from workflow_scripts.models.sites import NeuronSite


@dataclass(frozen=True, kw_only=True)
class ModelManifest:
    """What the stage `model` found out about a model."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str  # in the config
    hub: str | None  # repository on the hub, or None for a directory
    revision: str | None  # commit of the repository
    directory: str | None  # that holds config, weights and tokenizer, or None for the hub
    identity: str  # hash of repository and commit, or of the directory's files
    architecture: str  # class name of the model
    dtype: Literal["float32", "bfloat16", "float16"]
    device_map: Literal["auto"] | None
    trust_remote_code: bool
    pickle_weights: bool
    context: int | None  # largest number of positions, None where the architecture sets no limit
    width: int  # of the hidden state
    sites: list[NeuronSite]

    @property
    def neurons(self) -> int:
        """Number of neurons over all sites."""
        return sum(site.width for site in self.sites)


def read_manifest(path: Path) -> ModelManifest:
    """Read a model's manifest.

    Raises:
        StudyError: the file is no valid manifest.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(ModelManifest).validate_json(Path(path).read_bytes())
    except ValidationError as error:
        raise StudyError(f"{path} is not a valid model manifest ({error}); delete it and run again.") from error


def write_manifest(path: Path, manifest: ModelManifest) -> None:
    """Write a manifest as indented JSON."""
    from pydantic import TypeAdapter

    write_text(path, TypeAdapter(ModelManifest).dump_json(manifest, indent=1).decode() + "\n")

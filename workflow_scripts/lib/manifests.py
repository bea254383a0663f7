"""A model's manifest: where its weights are, what they are, and which neurons it has.

Written once a model by the stage `model`; every later stage loads the model from it and builds its cache keys on
`identity`.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.files import write_text
from workflow_scripts.lib.sites import NeuronSite


class ModelManifest(BaseModel):
    """What the stage `model` found out about a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Name in the config.")
    hub: str | None = Field(description="Repository on the hub, or None for a directory.")
    revision: str | None = Field(description="Commit of the repository.")
    directory: str | None = Field(description="Directory with config, weights and tokenizer, or None for the hub.")
    identity: str = Field(description="Hash of repository and commit, or of the directory's files.")
    architecture: str = Field(description="Class name of the model.")
    dtype: Literal["float32", "bfloat16", "float16"]
    device_map: Literal["auto"] | None
    trust_remote_code: bool
    pickle_weights: bool
    context: int | None = Field(description="Largest number of positions, None where the architecture sets no limit.")
    width: int = Field(description="Size of the hidden state.")
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
    try:
        return ModelManifest.model_validate_json(Path(path).read_bytes())
    except ValidationError as error:
        raise StudyError(f"{path} is not a valid model manifest ({error}); delete it and run again.") from error


def write_manifest(path: Path, manifest: ModelManifest) -> None:
    """Write a manifest as indented JSON."""
    write_text(path, manifest.model_dump_json(indent=1) + "\n")

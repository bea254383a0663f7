"""A model's manifest: where its weights are, what they are, and which neurons it has.

Written once a model by the stage `model`; every later stage loads the model from it and builds its cache keys on
`identity`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from workflow_scripts.config.architectures import Architecture
from workflow_scripts.jobs.files import content_hash, read_json, write_text
from workflow_scripts.models.directories import KnownFile
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
    width: int  # of the last hidden state
    sites: list[NeuronSite]
    kind: Architecture = "causal"  # what is measured of it
    blocks: list[str | None] = field(default_factory=list)  # modules that put out layer 1, layer 2, …, but for the last
    first_layer: int | None = 0  # that its list of hidden states begins with, None where that is not known
    left_out: list[str] = field(default_factory=list)  # weights whose units are no neurons, and adapters not applied
    text_prefix: str = ""  # before each text that is embedded
    files: dict[str, KnownFile] = field(default_factory=dict)  # of a directory of the user's own, by name
    tags: dict[str, str] = field(default_factory=dict)  # what the tokenizer calls a language, where it marks texts

    @property
    def neurons(self) -> int:
        """Return the number of neurons over all sites."""
        return sum(site.width for site in self.sites)

    def identity_for(self, language: str | None) -> str:
        """Return the identity where texts of a language are read: one per language if texts are marked by it."""
        tag = self.tags.get(language)
        return self.identity if tag is None else content_hash([self.identity, tag])


def read_manifest(path: Path) -> ModelManifest:
    """Read a model's manifest.

    Raises:
        StudyError: the file is no valid manifest.
    """
    return read_json(path, ModelManifest, "a valid model manifest")


def write_manifest(path: Path, manifest: ModelManifest) -> None:
    """Write a manifest as indented JSON."""
    from pydantic import TypeAdapter

    write_text(path, TypeAdapter(ModelManifest).dump_json(manifest, indent=1).decode() + "\n")

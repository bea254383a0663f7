"""Whether a model can be had and is the one that the config means: access, weights, their sizes, its neurons.

Of a model on the hub its configuration alone is downloaded, of a GGUF file in wheels nothing. Neurons are counted on
modules without weights.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workflow_scripts.config.architectures import NAMES, architecture_of, may_be
from workflow_scripts.config.models import ModelConfig
from workflow_scripts.jobs.downloads import hub_errors
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.messages import one_line
from workflow_scripts.jobs.urls import size_of
from workflow_scripts.models.directories import CODE, model_files
from workflow_scripts.models.gguf_files import config_in, require_file, urls_of
from workflow_scripts.models.loading import backbone_of, drop_pooler, empty_model, load_config, require_weights
from workflow_scripts.models.sites import count_neurons
from workflow_scripts.models.structure import structure_of

if TYPE_CHECKING:
    from transformers import PretrainedConfig


@dataclass(frozen=True)
class CheckedModel:
    """What was found of a model."""

    name: str  # in the config
    origin: str  # repository, directory, GGUF file or wheels; of a trained model nothing
    revision: str | None
    files: int = 0  # of weights
    bytes: int = 0  # of these files
    neurons: int | None = None  # None where only a run tells
    problems: list[str] = field(default_factory=list)  # each with its remedy


def check_model(name: str, model: ModelConfig, sites: Literal["mlp", "linear"] | Sequence[str]) -> CheckedModel:
    """Check a model without reading its weights.

    Args:
        name: Of the model in the config.
        model: Its section of the config.
        sites: Which linear layers' output units are neurons, as `find_sites` takes them.

    Returns:
        What was found. `problems` is empty where the study will find all that it asks for; what a problem stops at is
        not looked at.
    """
    origin = model.hub or model.path or (model.gguf.origin if model.gguf else "")
    found: dict[str, Any] = {"name": name, "origin": origin, "revision": model.revision}
    if model.source == "train":
        return CheckedModel(**found, neurons=model.known_neurons())
    try:
        if model.gguf and model.gguf.wheels:
            urls = urls_of(model.gguf.wheels, name)
            size = sum(map(size_of, dict.fromkeys(urls)))
            return CheckedModel(**found, files=len(set(urls)), bytes=size, neurons=model.known_neurons())
        if model.gguf:
            file = Path(model.gguf.file)
            require_file(file, model.gguf.sha256, name)
            found |= {"files": 1, "bytes": file.stat().st_size}
            structure = structure_by(config_in(file, name), model, sites, name, file)
        else:
            directory, sizes = _in_directory(model, name) if model.path else _on_the_hub(model, name)
            weights = _weights(sizes, model, name)
            found |= {"files": len(weights), "bytes": sum(weights.values())}
            structure = structure_in(directory, model, sites, name)
        found["neurons"] = count_neurons(structure["sites"])
    except StudyError as error:
        return CheckedModel(**found, problems=[str(error)])
    problems = (
        [f"models.{name}.k is {model.k:,}, but it has {found['neurons']:,} neurons; take a smaller k."]
        if model.k > found["neurons"]
        else []
    )
    return CheckedModel(**found, problems=problems)


def structure_in(
    directory: Path, model: ModelConfig, sites: Literal["mlp", "linear"] | Sequence[str], name: str
) -> dict[str, Any]:
    """Return what a manifest says of the structure of a model, of which no more than its configuration must be there.

    Raises:
        StudyError: the architecture cannot be used, or the neurons are not those expected.
    """
    return structure_by(load_config(directory, model.trust_remote_code), model, sites, name, directory)


def structure_by(
    config: "PretrainedConfig",
    model: ModelConfig,
    sites: Literal["mlp", "linear"] | Sequence[str],
    name: str,
    place: Path,
) -> dict[str, Any]:
    """Return the same by a configuration that lies in a file or directory.

    Raises:
        StudyError: as `structure_in`.
    """
    if not may_be(config, model.architecture):
        architecture = architecture_of(config)
        classes = ", ".join(getattr(config, "architectures", None) or []) or config.model_type
        raise StudyError(
            f"models.{name}.architecture is {model.architecture}, but {place} holds {NAMES[architecture]} "
            f"({classes}); set models.{name}.architecture: {architecture}, or take another model."
        )
    empty = empty_model(config, model.trust_remote_code, model.architecture)
    try:
        backbone = backbone_of(empty, model.architecture)
        drop_pooler(backbone, model.architecture)
        structure = structure_of(backbone, model.architecture, sites, name)
    except StudyError:
        raise
    except Exception as error:  # of an encoder that is no model of its own, as in FSMT, or of sizes that cannot be
        raise StudyError(
            f"models.{name}: {type(empty).__name__} is not built as is known of models, or its config.json has "
            f"impossible sizes: {type(error).__name__}: {one_line(error)}; take another model."
        ) from error
    neurons = count_neurons(structure["sites"])
    if model.neurons is not None and neurons != model.neurons:
        raise StudyError(
            f"models.{name}.neurons says {model.neurons:,}, but neurons.sites finds {neurons:,}; correct either."
        )
    return structure


@contextmanager
def asking_the_hub(model: ModelConfig, name: str) -> Iterator[None]:
    """Have what the hub refuses inside the block told with its remedy.

    Raises:
        StudyError: the repository is gated, unknown or out of reach.
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise StudyError(
            f"models.{name}: {model.hub} is gated; accept its terms on https://huggingface.co/{model.hub} and set "
            "HF_TOKEN or run `hf auth login`."
        ) from error
    except RevisionNotFoundError as error:
        raise StudyError(
            f"models.{name}.revision: {model.hub} has no commit {model.revision}; pin one that it has "
            "(where it is zeros: `make pin`)."
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise StudyError(f"models.{name}.hub: there is no repository {model.hub}, or it is private.") from error
    except hub_errors() as error:
        raise StudyError(
            f"models.{name}: cannot reach the hub for {model.hub} ({type(error).__name__}), and it is not in the "
            f"cache; run `snakemake models` where there is network, or give models.{name}.path."
        ) from error


def _in_directory(model: ModelConfig, name: str) -> tuple[Path, dict[str, int]]:
    directory = Path(model.path)
    if not directory.is_dir():
        raise StudyError(f"models.{name}.path: there is no directory {directory}.")
    require_weights(directory, model.pickle_weights, name)
    return directory, {path.name: path.stat().st_size for path in model_files(directory)}


def _on_the_hub(model: ModelConfig, name: str) -> tuple[Path, dict[str, int]]:
    """Download the configuration of a model; where it lies, and the bytes of all files of the repository."""
    from huggingface_hub import HfApi, snapshot_download

    with asking_the_hub(model, name):
        hub = HfApi()
        hub.auth_check(model.hub)  # else a gate would be met at the first file only
        tree = hub.list_repo_tree(model.hub, revision=model.revision)
        sizes = {entry.path: entry.size for entry in tree if getattr(entry, "size", None) is not None}
        code = CODE if model.trust_remote_code else []
        directory = snapshot_download(model.hub, revision=model.revision, allow_patterns=["config.json", *code])
    return Path(directory), sizes


def _weights(sizes: dict[str, int], model: ModelConfig, name: str) -> dict[str, int]:
    """The bytes of the files of weights that the study will read.

    Raises:
        StudyError: there are none in an allowed format.
    """
    for pattern in ("*.safetensors", *(["*.bin"] if model.pickle_weights else [])):
        if weights := {file: size for file, size in sizes.items() if fnmatchcase(file, pattern)}:
            return weights
    pickles = any(fnmatchcase(file, "*.bin") for file in sizes)
    raise StudyError(
        f"models.{name}: {model.hub} holds only .bin weights, which are pickles; if you trust them, set "
        f"models.{name}.pickle_weights: true."
        if pickles
        else f"models.{name}: {model.hub} holds no *.safetensors weights; take another revision or repository."
    )

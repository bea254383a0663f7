"""Models that are in memory already: as the stages have them, without a file of theirs being read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from workflow_scripts.config.architectures import Architecture, architecture_of
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.loading import LanguageModel, backbone_of
from workflow_scripts.models.manifests import ModelManifest
from workflow_scripts.models.structure import structure_of

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def adopt(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase | None" = None,
    sites: Literal["mlp", "linear"] | Sequence[str] | None = "mlp",
    layers: bool = True,
) -> LanguageModel:
    """Return a model of transformers as the stages have theirs; it is not changed, and stays where it is.

    For its neurons and layers it reads two short sentences once.

    Args:
        model: With its language-modelling head or without.
        tokenizer: Its tokenizer; needed for whatever reads texts.
        sites: Which linear layers' output units are neurons, as `find_sites` takes them; None to look for none.
        layers: Whether layers will be told by number; if not, and without sites, no sentence is read.

    Raises:
        StudyError: it is no model of transformers, or as `structure_of`.
    """
    backbone, architecture = part_that_reads(model)
    name = model.config.name_or_path or type(model).__name__
    with evaluating(model):
        structure = structure_of(backbone, architecture, sites, name, layers)
    manifest = ModelManifest(
        name=name,
        hub=None,
        revision=None,
        directory=None,
        identity="",  # of weights in memory, which anything may have changed
        dtype=str(model.dtype).removeprefix("torch."),
        device_map=None,
        trust_remote_code=not type(model).__module__.startswith("transformers."),
        pickle_weights=False,
        **structure,
    )
    return LanguageModel(model, backbone, tokenizer, manifest)


def part_that_reads(model: "PreTrainedModel") -> "tuple[torch.nn.Module, Architecture]":
    """Return the backbone of a model of transformers, and what kind of model it is.

    Raises:
        StudyError: it is no model of transformers.
    """
    config = getattr(model, "config", None)
    if config is None or not hasattr(model, "base_model"):
        raise StudyError(
            f"{type(model).__name__} is no model of transformers; give what AutoModelForCausalLM, AutoModel or their "
            "like load."
        )
    architecture = architecture_of(config, type(model).__name__)
    return backbone_of(model, architecture), architecture


@contextmanager
def evaluating(model: "torch.nn.Module") -> Iterator[None]:
    """Have a model in evaluation mode inside the block; afterwards each of its modules is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training

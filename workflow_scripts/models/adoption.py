"""Models that are in memory already: as the stages have them, without a file of theirs being read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from workflow_scripts.config.architectures import Architecture, architecture_of
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.loading import LanguageModel, backbone_of
from workflow_scripts.models.manifests import ModelManifest
from workflow_scripts.models.sites import find_sites

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase


def adopt(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase | None" = None,
    sites: Literal["mlp", "linear"] | Sequence[str] | None = "mlp",
) -> LanguageModel:
    """Return a model of transformers as the stages have theirs; it is not changed, and stays where it is.

    Args:
        model: With its language-modelling head or without.
        tokenizer: Its tokenizer; needed for whatever reads texts.
        sites: Which linear layers' output units are neurons, as `find_sites` takes them; None to look for none.

    Raises:
        StudyError: it is no model of transformers, or has no such layers.
    """
    config = getattr(model, "config", None)
    if config is None or not hasattr(model, "base_model"):
        raise StudyError(
            f"{type(model).__name__} is no model of transformers; give what AutoModelForCausalLM, AutoModel or their "
            "like load."
        )
    architecture = architecture_of(config)
    backbone = backbone_of(model, architecture)
    manifest = ModelManifest(
        name=config.name_or_path or type(model).__name__,
        hub=None,
        revision=None,
        directory=None,
        identity="",  # of weights in memory, which anything may have changed
        dtype=str(model.dtype).removeprefix("torch."),
        device_map=None,
        trust_remote_code=not type(model).__module__.startswith("transformers."),
        pickle_weights=False,
        **structure_of(backbone, architecture, sites),
    )
    return LanguageModel(model, backbone, tokenizer, manifest, architecture)


def structure_of(
    backbone: "torch.nn.Module", architecture: Architecture, sites: Literal["mlp", "linear"] | Sequence[str] | None
) -> dict[str, Any]:
    """Return what a manifest says of a model's structure: `architecture`, `context`, `width` and `sites`.

    Raises:
        StudyError: as `find_sites`.
    """
    embedded = backbone.get_input_embeddings().embedding_dim
    return {
        "architecture": type(backbone).__name__,
        "context": context_of(backbone, backbone.config),
        "width": embedded if architecture == "encoder_decoder" else backbone.config.hidden_size,
        "sites": [] if sites is None else find_sites(backbone, sites),
    }


def context_of(backbone: "torch.nn.Module", config: "PretrainedConfig") -> int | None:
    """Return the largest number of positions; None where the architecture sets no limit.

    Where position embeddings have a row for padding, as in RoBERTa and XLM-R, they count from the row after it.
    """
    positions = getattr(config, "max_position_embeddings", None)
    for name, module in backbone.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return module.num_embeddings - module.padding_idx - 1
    return positions


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

"""Models that are in memory already: as the stages have them, without a file of theirs being read."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import torch

from workflow_scripts.config.architectures import Architecture, architecture_of
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.loading import LanguageModel, backbone_of, drop_pooler
from workflow_scripts.models.manifests import ModelManifest
from workflow_scripts.models.site_outputs import by_shape, not_by_token, repeated
from workflow_scripts.models.sites import NeuronSite, find_sites, placed
from workflow_scripts.models.structure import SENTENCES, TOKENS, Structure, look_into

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# What configurations call the largest number of positions.
CONTEXTS = ("max_position_embeddings", "max_encoder_position_embeddings", "max_seq_len", "seq_length")
SiteRule = Literal["mlp", "linear"] | Sequence[str]


def adopt(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase | None" = None,
    sites: SiteRule | None = None,
    layers: bool = False,
) -> LanguageModel:
    """Return a model of transformers as the stages have theirs; it is not changed, and stays where it is.

    Args:
        model: With its language-modelling head or without.
        tokenizer: Its tokenizer; needed for whatever reads texts.
        sites: Which linear layers' output units are neurons, as `find_sites` takes them; None to look for none.
        layers: Whether other layers than the last will be asked for; they are looked for with `sites`, too.

    Raises:
        StudyError: it is no model of transformers, or as `structure_of`.
    """
    config = getattr(model, "config", None)
    if config is None or not hasattr(model, "base_model"):
        raise StudyError(
            f"{type(model).__name__} is no model of transformers; give what AutoModelForCausalLM, AutoModel or their "
            "like load."
        )
    told = copy.copy(config)  # of the encoder of a T5 that is loaded alone, the config tells of the whole
    told.architectures = [*(config.architectures or []), type(model).__name__]
    architecture, name = architecture_of(told), config.name_or_path or type(model).__name__
    backbone = backbone_of(model, architecture)
    structure = {"width": width_of(backbone), "sites": []}
    if sites is not None or layers:
        with torch.device("meta"):
            empty = type(model)(copy.deepcopy(config))
        drop_pooler(empty, architecture)
        structure, _ = structure_of(backbone_of(empty, architecture), architecture, sites, name)
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
        kind=architecture,
        **{"architecture": type(backbone).__name__, "context": context_of(backbone), **structure},
    )
    return LanguageModel(model, backbone, tokenizer, manifest, architecture)


def structure_of(
    backbone: torch.nn.Module, architecture: Architecture, sites: SiteRule | None, name: str
) -> tuple[dict[str, Any], list[str]]:
    """Return what a manifest says of a model's structure, and which sites do not run when it reads text.

    Args:
        backbone: On the meta device; gets zeros for weights.
        architecture: What is measured of the model.
        sites: Which linear layers' output units are neurons; None for no neurons.
        name: Of the model, for messages.

    Raises:
        StudyError: no such layers are found, one asked for by a pattern does not run, or one puts out no numbers by
            token.
    """
    found = [] if sites is None else find_sites(backbone, sites)
    structure = look_into(backbone, architecture)
    silent: list[str] = []
    if structure is not None:
        found, silent = _sites_that_run(found, structure, sites, name)
    return {
        "architecture": type(backbone).__name__,
        "context": context_of(backbone),
        "width": width_of(backbone) if structure is None else structure.width,
        "sites": found,
        "blocks": [] if structure is None else structure.blocks,
        "first_layer": None if structure is None else structure.first_layer,
    }, silent


def _sites_that_run(
    sites: list[NeuronSite], structure: Structure, rule: SiteRule | None, name: str
) -> tuple[list[NeuronSite], list[str]]:
    """The sites that run when the model reads text, and what the others are.

    Raises:
        StudyError: a site that was asked for by a pattern does not run, or a site puts out no number by token.
    """
    silent = [site for site in sites if site.module not in structure.shapes]
    if silent and not isinstance(rule, str):
        raise StudyError(
            f"neurons.sites: {silent[0].module} does not run when {name} reads text; leave it out of the patterns."
        )
    for site in sites:
        shapes = structure.shapes.get(site.module, [])
        if len(shapes) > 1:
            raise StudyError(repeated(site.module, name))
        if shapes and not by_shape(shapes[0], SENTENCES, TOKENS):
            raise StudyError(not_by_token(site.module, name))
    running = placed([site for site in sites if site.module in structure.shapes])
    return running, [f"{site.module}, which does not run when the model reads text" for site in silent]


def width_of(backbone: torch.nn.Module) -> int:
    """Return the size of the hidden state, as the configuration has it."""
    return backbone.config.get_text_config().hidden_size


def context_of(backbone: torch.nn.Module) -> int | None:
    """Return the largest number of positions; None where the architecture sets no limit.

    Where position embeddings have a row for padding, as in RoBERTa and XLM-R, they count from the row after it.
    """
    text = backbone.config.get_text_config()
    given = (getattr(text, name, None) for name in CONTEXTS)
    positions = next((number for number in given if isinstance(number, int) and number > 0), None)
    for name, module in backbone.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return module.num_embeddings - module.padding_idx - 1
    return positions


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Have a model in evaluation mode inside the block; afterwards each of its modules is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training

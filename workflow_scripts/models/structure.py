"""What a model is made of: its neuron sites, the modules that put out the states of its layers, its context.

Found out by its modules' names and by a pass of two sentences of five tokens, through a model that is in memory or
through one without weights (`loading.empty_model`): which modules run, how often, and what they put out.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal

import torch

from workflow_scripts.config.architectures import Architecture
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.messages import one_line
from workflow_scripts.models.experts import is_of_experts, weights_of
from workflow_scripts.models.site_outputs import by_shape, not_by_token, repeated, states_of
from workflow_scripts.models.sites import NeuronSite, find_sites, left_out, placed

log = logging.getLogger(__name__)
SENTENCES, TOKENS = 2, 5
# What configurations call the largest number of positions.
CONTEXTS = ("max_position_embeddings", "max_encoder_position_embeddings", "max_seq_len", "seq_length")


@dataclass(frozen=True)
class Pass:
    """What a pass of two sentences of five tokens through a backbone showed."""

    width: int  # of the last hidden states
    shapes: dict[str, list[tuple[int, ...]]]  # by module or weight of experts: what it put out, each time it ran
    # Modules that put out the states of layer 1, layer 2, …, the last layer left out; None where no module does.
    blocks: list[str | None]
    first_layer: int  # that the model's list of hidden states begins with: 0, or 1 where it lacks the token embeddings


def structure_of(
    backbone: torch.nn.Module,
    architecture: Architecture,
    sites: Literal["mlp", "linear"] | Sequence[str] | None,
    name: str,
    layers: bool = True,
) -> dict[str, Any]:
    """Return what a manifest says of a model's structure, by the names of the manifest's fields.

    Args:
        backbone: In evaluation mode.
        architecture: What kind of model it is of.
        sites: Which linear layers' output units are neurons, as `find_sites` takes them; None to look for none.
        name: Of the model, for messages.
        layers: Whether to find the modules of layers; without, and without sites, no sentence is read.

    Raises:
        StudyError: as `find_sites`; or the model reads no tokens, a site that was asked for by a pattern does not run,
            or a site runs more than once or puts out no number by token.
    """
    _require_tokens(backbone, name)
    shown = look_into(backbone, architecture) if layers or sites is not None else None
    found = [] if sites is None else find_sites(backbone, sites)
    beside = [] if sites is None else left_out(backbone, found)
    if shown is not None:
        found, silent = _sites_that_run(found, shown, sites, name)
        beside += silent
    return {
        "architecture": type(backbone).__name__,
        "kind": architecture,
        "context": context_of(backbone),
        "width": _width_of(backbone, architecture) if shown is None else shown.width,
        "sites": found,
        "left_out": beside,
        "blocks": [] if shown is None else shown.blocks,
        "first_layer": None if shown is None else shown.first_layer,
    }


def _require_tokens(backbone: torch.nn.Module, name: str) -> None:
    """Refuse what reads images, sound, time series or characters.

    Raises:
        StudyError: the backbone has no embeddings of tokens, or takes none.
    """
    try:
        embeds = hasattr(backbone.get_input_embeddings(), "num_embeddings")
    except NotImplementedError:  # as transformers says that there are none
        embeds = False
    takes = signature(backbone.forward).parameters.values()
    if not embeds or not any(each.name == "input_ids" or each.kind is each.VAR_KEYWORD for each in takes):
        raise StudyError(
            f"models.{name}: {type(backbone).__name__} has no plain embeddings of tokens, as models of images, sound, "
            "time series or characters have none; take another model."
        )


def look_into(backbone: torch.nn.Module, architecture: Architecture) -> Pass | None:
    """Find out what the modules of a backbone do; None where it does not run, as some do not on weights of zero.

    Args:
        backbone: In evaluation mode.
        architecture: What kind of model it is of.
    """
    shapes: dict[str, list[tuple[int, ...]]] = {}
    outputs: list[tuple[str, torch.Tensor]] = []

    def keep(name: str):
        def hook(module, inputs, output):
            if (states := states_of(output)) is not None:
                shapes.setdefault(name, []).append(tuple(states.shape))
                outputs.append((name, states))

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in backbone.named_modules()]
    try:
        device = backbone.get_input_embeddings().weight.device
        token_ids = torch.ones((SENTENCES, TOKENS), dtype=torch.long, device=device)
        with torch.inference_mode():
            output = backbone(
                input_ids=token_ids,
                attention_mask=torch.ones_like(token_ids),
                output_hidden_states=True,
                **options_of(architecture),
            )
        hidden = list(output.hidden_states)
        width = output.last_hidden_state.shape[-1]
    # Whatever an architecture's code may raise where weights are zeros; what matters is checked again with weights.
    except Exception as error:
        log.info("%s does not run without weights: %s", type(backbone).__name__, one_line(error))
        return None
    finally:
        for handle in handles:
            handle.remove()
    once = [(name, states) for name, states in outputs if name and len(shapes[name]) == 1]
    for name, module in backbone.named_modules():
        if name in shapes and is_of_experts(module):  # whose weights run with it
            shapes |= {f"{name}.{weight}": shapes[name] for weight in weights_of(module)}
    makers = [next((name for name, put_out in reversed(once) if put_out is states), None) for states in hidden]
    # Blocks are numbered, what puts out the token embeddings is not.
    first_layer = int(makers[0] is not None and makers[0].split(".")[-1].isdigit())
    return Pass(width, shapes, makers[1 - first_layer : -1], first_layer)


def options_of(architecture: Architecture) -> dict[str, bool]:
    """Return what a backbone is told beside its input: a causal one need not keep what it computes for later tokens."""
    return {"use_cache": False} if architecture == "causal" else {}


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


def _width_of(backbone: torch.nn.Module, architecture: Architecture) -> int:
    """Size of the hidden state, as the configuration has it."""
    if architecture == "encoder_decoder":
        return backbone.get_input_embeddings().embedding_dim
    return backbone.config.get_text_config().hidden_size


def _sites_that_run(
    sites: list[NeuronSite], shown: Pass, asked: Literal["mlp", "linear"] | Sequence[str] | None, name: str
) -> tuple[list[NeuronSite], list[str]]:
    """The sites that run when the model reads text, and what the others are."""
    silent = [site for site in sites if site.module not in shown.shapes]
    if silent and not isinstance(asked, str):
        raise StudyError(
            f"neurons.sites: {silent[0].module} does not run when {name} reads text; leave it out of the patterns."
        )
    for site in sites:
        shapes = shown.shapes.get(site.module, [])
        if len(shapes) > 1:
            raise StudyError(repeated(site.module, name))
        if shapes and not by_shape(shapes[0], SENTENCES, TOKENS):
            raise StudyError(not_by_token(site.module, name))
    running = placed([site for site in sites if site.module in shown.shapes])
    return running, [f"{site.module}, which does not run when the model reads text" for site in silent]

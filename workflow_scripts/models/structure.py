"""What a model's modules do in a pass: which run, what they put out, and which of them puts out the states of a layer.

Found out without weights: in place of each weight stands one zero, repeated, so that a model of any size fits.
"""

import logging
from dataclasses import dataclass
from functools import partial

import torch
from transformers.pytorch_utils import Conv1D

from workflow_scripts.config.architectures import Architecture
from workflow_scripts.jobs.messages import one_line
from workflow_scripts.models.site_outputs import states_of
from workflow_scripts.models.sites import output_width

log = logging.getLogger(__name__)
SENTENCES, TOKENS = 2, 5


@dataclass(frozen=True)
class Structure:
    """What a pass of two sentences of five tokens through a backbone showed."""

    width: int  # of the last hidden states
    shapes: dict[str, list[tuple[int, ...]]]  # by module: what it put out, each time it ran
    # Modules that put out the states of layer 1, layer 2, …, the last layer left out; None where no module does.
    blocks: list[str | None]
    first_layer: int  # that the model's list of hidden states begins with: 0, or 1 where it lacks the token embeddings


def look_into(backbone: torch.nn.Module, architecture: Architecture) -> Structure | None:
    """Find out what the modules of a backbone without weights do; None where it does not run on zeros.

    Args:
        backbone: On the meta device; gets zeros for weights.
        architecture: What kind of model it is of.
    """
    _fill_with_zeros(backbone)
    backbone.eval()
    if hasattr(backbone, "config"):
        backbone.config._experts_implementation = "eager"  # others copy the weights of all experts
    shapes: dict[str, list[tuple[int, ...]]] = {}
    outputs: list[tuple[str, torch.Tensor]] = []

    def keep(name: str):
        def hook(module, inputs, output):
            if (states := states_of(output)) is not None:
                shapes.setdefault(name, []).append(tuple(states.shape))
                outputs.append((name, states))

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in backbone.named_modules()]
    token_ids = torch.ones((SENTENCES, TOKENS), dtype=torch.long)
    try:
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
    makers = [next((name for name, put_out in reversed(once) if put_out is states), None) for states in hidden]
    # Blocks are numbered, what puts out the token embeddings is not.
    first_layer = int(makers[0] is not None and makers[0].split(".")[-1].isdigit())
    return Structure(width, shapes, makers[1 - first_layer : -1], first_layer)


def options_of(architecture: Architecture) -> dict[str, bool]:
    """What a backbone is told beside its input: a causal one need not keep what it computes for tokens to come."""
    return {"use_cache": False} if architecture == "causal" else {}


def _fill_with_zeros(backbone: torch.nn.Module) -> None:
    for module in backbone.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                zeros = torch.zeros((), dtype=weight.dtype).expand(weight.shape)
                module._parameters[name] = torch.nn.Parameter(zeros, requires_grad=False)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = torch.zeros(buffer.shape, dtype=buffer.dtype)
        if type(module).forward in (torch.nn.Linear.forward, Conv1D.forward):
            # What zeros give need not be computed, which for billions of weights takes long.
            module.forward = partial(_zeros, output_width(module))


def _zeros(width: int, states: torch.Tensor) -> torch.Tensor:
    return states.new_zeros(*states.shape[:-1], width)

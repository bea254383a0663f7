"""Neuron sites: the modules whose output units are the neurons.

A neuron is one output unit of a linear layer (before the activation function where the layer feeds one). By default
those are the linear layers inside MLPs, found by rule from the names of modules.
"""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from workflow_scripts.jobs.errors import StudyError

if TYPE_CHECKING:
    from torch import nn

# What the parts of an MLP are called across architectures: `mlp` (BLOOM, GPT-2, Llama, Cohere, Falcon, GPT-NeoX),
# `DenseReluDense` (T5), `fc1`, `fc2` (OPT, XGLM), `ffns` (XLM), `feed_forward`, `ffn`, `ff` (others).
MLP_NAMES = {"mlp", "densereludense", "fc1", "fc2", "feed_forward", "feedforward", "ffn", "ffns", "ff"}
# BERT and its kin (XLM-R, mBERT, mDeBERTa) name the two halves of an MLP and no whole: `layer.3.intermediate.dense`,
# `layer.3.output.dense`; that of attention is `layer.3.attention.output.dense`.
HALVES = re.compile(r"(^|\.)\d+\.(intermediate|output)\.dense$")


@dataclass(frozen=True, kw_only=True)
class NeuronSite:
    """A module whose outputs are neurons, and where they lie among all neurons of the model."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    module: str  # name inside the backbone, like h.0.mlp.dense_h_to_4h
    layer: int  # number of the transformer block
    width: int  # number of output units
    offset: int  # index of the first unit among all neurons


def find_sites(backbone: "nn.Module", sites: Literal["mlp", "linear"] | Sequence[str] = "mlp") -> list[NeuronSite]:
    """The neuron sites of a backbone, in the order in which its modules are registered.

    Args:
        backbone: the transformer without its LM head.
        sites: `mlp` for the linear layers inside MLPs, `linear` for all linear layers, or patterns with `*`.

    Raises:
        StudyError: nothing is found, or a pattern matches no linear layer.
    """
    linears = {name: module for name, module in backbone.named_modules() if output_width(module) is not None}
    if sites == "mlp":
        chosen = [name for name in linears if _in_mlp(name) and _layer(name) is not None]
    elif sites == "linear":
        chosen = [name for name in linears if _layer(name) is not None]
    else:
        for pattern in sites:
            if not fnmatch.filter(linears, pattern):
                raise StudyError(f"neurons.sites: no linear layer matches {pattern!r}; the model has {_some(linears)}.")
        chosen = [name for name in linears if any(fnmatch.fnmatchcase(name, pattern) for pattern in sites)]
    if not chosen:
        raise StudyError(
            f"neurons.sites: no {sites} layers were found by name in {type(backbone).__name__}, whose linear layers "
            f"are {_some(linears) or 'none'}; give neurons.sites as a list of patterns of module names."
        )
    found, offset = [], 0
    for name in chosen:
        width = output_width(linears[name])
        found.append(NeuronSite(module=name, layer=_layer(name) or 0, width=width, offset=offset))
        offset += width
    return found


def count_neurons(sites: Sequence[NeuronSite]) -> int:
    """Number of neurons over all sites."""
    return sum(site.width for site in sites)


def output_width(module: "nn.Module") -> int | None:
    """Number of output units of a linear layer (`Linear`, or GPT-2's `Conv1D`); None for any other module."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    if isinstance(module, nn.Linear):
        return module.out_features
    return module.nf if isinstance(module, Conv1D) else None


def _in_mlp(name: str) -> bool:
    return bool(MLP_NAMES & set(name.lower().split(".")) or HALVES.search(name))


def module_of_layer(sites: Sequence[NeuronSite], layer: int | Literal["last"]) -> str:
    """Name inside the backbone of what puts out a layer's states: of layer n, the block like `h.3` for n = 4.

    Of `last`, the states after the final norm, it is the backbone itself, whose name is empty.

    Raises:
        StudyError: there is none, or it is the last, whose output models give after the final norm only.
    """
    if layer == "last":
        return ""
    named = {site.layer: site.module for site in sites if _layer(site.module) is not None}
    last = max(named, default=0)
    if not 1 <= layer <= last or layer - 1 not in named:
        raise StudyError(
            f"methods.*.layer: {layer}, but the model's layers that can be changed are 1 to {last}, and last."
        )
    parts = named[layer - 1].split(".")
    return ".".join(parts[: next(place for place, part in enumerate(parts) if part.isdigit()) + 1])


def _layer(name: str) -> int | None:
    return next((int(part) for part in name.split(".") if part.isdigit()), None)


def _some(names: Sequence[str], count: int = 8) -> str:
    names = list(names)
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" if len(names) > count else "")

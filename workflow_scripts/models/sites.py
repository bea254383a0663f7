"""Neuron sites: the modules whose output units are the neurons.

A neuron is one output unit of a linear layer (before the activation function where the layer feeds one). By default
those are the linear layers inside MLPs, found by rule from the names of modules. The linear layers of a mixture's
experts are weights of one module (`experts`); the units of all experts are one site, one expert after the other.
"""

import fnmatch
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar, Literal

from workflow_scripts.jobs.errors import StudyError

if TYPE_CHECKING:
    from torch import nn

# What the parts of an MLP are called across architectures: `mlp` (BLOOM, GPT-2, Llama, Cohere, Falcon, GPT-NeoX),
# `DenseReluDense` (T5), `fc1`, `fc2` (OPT, XGLM), `ffns` (XLM), `feed_forward`, `ffn`, `ff` (others).
MLP_NAMES = {
    "mlp",
    "mlp_block",
    "densereludense",
    "fc1",
    "fc2",
    "feed_forward",
    "feedforward",
    "ffn",
    "ffns",
    "ffn_output",
    "ff",
    "shared_expert",
    "shared_experts",
    "shared_mlp",
    "up_proj",  # in Nemotron-H, which calls every kind of layer a mixer
    "down_proj",
    "fc1_latent_proj",  # around its experts
    "fc2_latent_proj",
}
MIXTURE_NAMES = {"experts", "moe", "block_sparse_moe"}  # of MLPs that each read some of the tokens
ROUTERS = re.compile(r"(^|\.)(gate|router|wg|shared_expert_gate)(\.|$)")  # that tell which expert reads a token
TOWERS = re.compile(r"vision|visual|image|img|video|audio|speech", re.IGNORECASE)  # that no text goes through
# BERT and its kin (XLM-R, mBERT, mDeBERTa) name the two halves of an MLP and no whole: `layer.3.intermediate.dense`,
# `layer.3.output.dense`; that of attention is `layer.3.attention.output.dense`.
HALVES = re.compile(r"(^|\.)\d+\.(intermediate|output)\.dense$")


@dataclass(frozen=True, kw_only=True)
class NeuronSite:
    """A module, or a weight of experts, whose outputs are neurons, and their place among all neurons of the model."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    module: str  # name inside the backbone, like h.0.mlp.dense_h_to_4h
    layer: int  # number of the transformer block
    width: int  # number of output units
    offset: int  # index of the first unit among all neurons
    experts: int | None = None  # that the units are divided among; None where they are no experts'


def find_sites(backbone: "nn.Module", sites: Literal["mlp", "linear"] | Sequence[str] = "mlp") -> list[NeuronSite]:
    """Return the neuron sites of a backbone, in the order in which its modules are registered.

    Args:
        backbone: the transformer without its LM head.
        sites: `mlp` for the linear layers inside MLPs and experts, `linear` for all linear layers, or patterns with
            `*`; what reads images or sound is left out by the first two.

    Raises:
        StudyError: nothing is found, a pattern matches no linear layer, or some of the MLPs are no linear layers.
    """
    linears = {site.module: site for site in _linear_layers(backbone)}
    of_text = [name for name in linears if _layer(name) is not None and not TOWERS.search(name)]
    if sites == "mlp":
        of_experts = [name for name in of_text if linears[name].experts]
        mixtures = [name for name, _ in backbone.named_modules() if _in_mixture(name)]
        dense = [name for name in of_text if _in_mlp(name) and not _in_mixture(name) and not _routes(name, mixtures)]
        chosen = [name for name in of_text if name in {*of_experts, *dense}]
    elif sites == "linear":
        chosen = of_text
    else:
        for pattern in sites:
            if not fnmatch.filter(linears, pattern):
                raise StudyError(f"neurons.sites: no linear layer matches {pattern!r}; the model has {_some(linears)}.")
        chosen = [name for name in linears if any(fnmatch.fnmatchcase(name, pattern) for pattern in sites)]
    found = placed([linears[name] for name in chosen])
    if sites == "mlp" and (beside := left_out(backbone, found, towers=False)):
        remedy = "take a model without such layers"
        if found:
            remedy = f"to study the others alone, give neurons.sites as patterns: {json.dumps(patterns(found))}"
        raise StudyError(
            f"neurons.sites: mlp finds {count_neurons(found):,} units in linear layers of {type(backbone).__name__}, "
            "but its MLPs have more weights, which are no linear layers that read every token, nor experts whose "
            f"tokens are known: {_some(beside)}. Their units cannot be neurons; {remedy}."
        )
    if not found:
        raise StudyError(
            f"neurons.sites: no {sites} layers were found by name in {type(backbone).__name__}, whose linear layers "
            f"are {_some(linears) or 'none'}; give neurons.sites as a list of patterns of module names."
        )
    return found


def neurons_by_name(shapes: Mapping[str, Sequence[int]]) -> int | None:
    """Return how many neurons `mlp` finds in a model of which no more is known than names and shapes of its weights.

    They are no fewer than that, and more where a file has layers that are not used, as those of a decoder. None where
    names and shapes do not tell: an MLP has weights of other kinds, such as quantised ones, or there is none.

    Args:
        shapes: Of the weights in a file, by name.
    """
    neurons = 0
    for name, shape in shapes.items():
        owner, _, leaf = name.rpartition(".")
        if _in_mixture(name):
            return None  # of its experts some are neurons, by what transformers makes of them
        if _layer(owner) is None or TOWERS.search(name) or not _in_mlp(owner):
            continue
        if leaf not in ("weight", "bias"):
            return None
        if leaf == "weight" and len(shape) == 2:
            # GPT-2 has its weights the other way round, and a bias always.
            neurons += next(iter(shapes.get(f"{owner}.bias", shape)))
    return neurons or None


def _linear_layers(backbone: "nn.Module") -> list[NeuronSite]:
    """All linear layers as sites, as yet without their place among the neurons."""
    from workflow_scripts.models.experts import is_of_experts, units_of, weights_of

    found = []
    for name, module in backbone.named_modules():
        layer = _layer(name) or 0
        if (width := output_width(module)) is not None:
            found.append(NeuronSite(module=name, layer=layer, width=width, offset=0))
        elif is_of_experts(module):
            for weight in weights_of(module):
                experts, units = units_of(module, weight)
                whole = experts * units
                found.append(NeuronSite(module=f"{name}.{weight}", layer=layer, width=whole, offset=0, experts=experts))
    return found


def placed(sites: Sequence[NeuronSite]) -> list[NeuronSite]:
    """Return the same sites, their units numbered one site after the other."""
    offsets = accumulate((site.width for site in sites), initial=0)
    return [replace(site, offset=offset) for site, offset in zip(sites, offsets, strict=False)]


def left_out(backbone: "nn.Module", sites: Sequence[NeuronSite], towers: bool = True) -> list[str]:
    """Return the weights of MLPs and of towers (vision, sound) whose units are no neurons, as patterns of names with
    their sizes.

    Args:
        backbone: the transformer without its LM head.
        sites: Its neuron sites.
        towers: Whether to list towers.
    """
    modules = {site.module for site in sites}
    found: dict[str, int] = {}
    for name, weight in backbone.named_parameters():
        owner, _, leaf = name.rpartition(".")
        matrix = sum(size > 1 for size in weight.shape) > 1 and "bias" not in leaf
        if owner in modules or name in modules or not matrix or ROUTERS.search(owner):
            continue
        if TOWERS.search(name):
            if towers:
                parts = name.split(".")
                tower = ".".join(parts[: next(place for place, part in enumerate(parts) if TOWERS.search(part)) + 1])
                found[tower] = found.get(tower, 0) + 1
        elif _in_mlp(owner) or _in_mixture(name):
            pattern = f"{_pattern(name)} {list(weight.shape)}"
            found[pattern] = found.get(pattern, 0) + 1
    return [f"{name} ({count} matrices)" if count > 1 else name for name, count in found.items()]


def patterns(sites: Sequence[NeuronSite]) -> list[str]:
    """Return the patterns of module names that match these sites: their names with `*` for numbers."""
    return list(dict.fromkeys(_pattern(site.module) for site in sites))


def count_neurons(sites: Sequence[NeuronSite]) -> int:
    """Return the number of neurons over all sites."""
    return sum(site.width for site in sites)


def output_width(module: "nn.Module") -> int | None:
    """Return the number of output units of a linear layer (`Linear`, GPT-2's `Conv1D`); None for any other module."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    if isinstance(module, nn.Linear):
        return module.out_features
    return module.nf if isinstance(module, Conv1D) else None


def _routes(name: str, mixtures: Sequence[str]) -> bool:
    """Whether a module tells which experts read a token: its name, and the mixture beside it, show that."""
    router = ROUTERS.search(name)
    return router is not None and any(other.startswith(f"{name[: router.start()]}.") for other in mixtures)


def _in_mlp(name: str) -> bool:
    return bool(MLP_NAMES & set(name.lower().split(".")) or HALVES.search(name))


def _in_mixture(name: str) -> bool:
    return bool(MIXTURE_NAMES & set(name.lower().split(".")))


def _pattern(name: str) -> str:
    return ".".join("*" if part.isdigit() else part for part in name.split("."))


def changed_layer(blocks: Sequence[str | None], layer: int | Literal["middle", "last"]) -> int | Literal["last"]:
    """Return the number of the layer that a method changes, or `last`.

    Args:
        blocks: As `module_of_layer` has them.
        layer: A number, `last`, or `middle`: half of all blocks, rounded down, which of a single block is `last`.
    """
    return ((len(blocks) + 1) // 2 or "last") if layer == "middle" else layer


def module_of_layer(blocks: Sequence[str | None], layer: int | Literal["last"]) -> str:
    """Return the name inside the backbone of what puts out a layer's states: of layer n, the block like `h.3` for n =
    4.

    Of `last`, the states after the final norm, it is the backbone itself, whose name is empty.

    Args:
        blocks: Of layer 1, layer 2, …, from the model's manifest; without the last, whose output models give after the
            final norm only.
        layer: The number of the layer, or `last`.

    Raises:
        StudyError: there is no such layer, or no module puts out its states.
    """
    if layer == "last":
        return ""
    if not 1 <= layer <= len(blocks):
        may_be = f"1 to {len(blocks)}, and last" if blocks else "last alone"
        raise StudyError(f"methods.*.layer: {layer}, but the model's layers that can be changed are {may_be}.")
    if (module := blocks[layer - 1]) is None:
        raise StudyError(
            f"methods.*.layer: {layer}, but no module of the model puts out the states of that layer alone; take last."
        )
    return module


def _layer(name: str) -> int | None:
    return next((int(part) for part in name.split(".") if part.isdigit()), None)


def _some(names: Sequence[str], count: int = 8) -> str:
    names = list(names)
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" if len(names) > count else "")

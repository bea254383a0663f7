"""Mixtures of experts: units of an expert put out something for the tokens that are routed to it, and for no others.

Transformers keeps the weights of a layer's experts together in one module, three-dimensional, and lets its
`ExpertsInterface` choose the function that computes what they give. Here is another one: it gives the same, which is
made sure of, and shows hooks what the units of the experts put out, to be looked at or changed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import nn
from transformers import PreTrainedConfig
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS

from workflow_scripts.jobs.errors import StudyError

OPENLY = "openly"  # what transformers knows our function by
# What `use_experts_implementation` of transformers says of the experts that it is put on.
TOLD = ("has_gate", "has_bias", "has_post_expert_norm", "is_transposed")
# Between what two functions give for the same experts: the length of the difference beside their own.
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4, torch.bfloat16: 0.03, torch.float16: 0.01}


@dataclass(frozen=True)
class Routed:
    """What one of the weights of a layer's experts put out: a row per token and expert that it is routed to.

    Attributes:
        outputs: [rows, units of an expert], sorted by expert, then by token; hooks change them in place.
        tokens: Which token each row is of, int64 [rows], the tokens of all sentences being counted one sentence after
            the other, padding included.
        sizes: How many rows each expert has, [experts].
        count: Number of tokens in all, padding included.
    """

    outputs: torch.Tensor
    tokens: torch.Tensor
    sizes: Sequence[int]
    count: int

    @property
    def device(self) -> torch.device:
        """Return where it lies."""
        return self.outputs.device

    def rows_of(self, expert: int) -> slice:
        """Return where the rows of an expert are."""
        start = sum(self.sizes[:expert])
        return slice(start, start + self.sizes[expert])

    def reduce(
        self,
        lengths: torch.Tensor,
        reduction: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    ) -> torch.Tensor:
        """Reduce what each unit put out for the tokens of each sentence: [sentences, experts · units].

        Where no token of a sentence is routed to an expert, its units put out nothing, and what they add to the model's
        states is 0; so is the result.

        Args:
            lengths: Of how many of its first tokens each sentence is taken to be, int64 [sentences].
            reduction: Gives, for the rows [rows, units] of all pairs of expert and sentence one after the other, and
                for the number of rows of each pair, a row for each pair.
        """
        sentences, experts = len(lengths), len(self.sizes)
        columns = self.count // sentences
        sentence = self.tokens // columns
        real = self.tokens % columns < lengths[sentence]
        sizes = torch.tensor(self.sizes, device=sentence.device)
        expert = torch.arange(experts, device=sentence.device).repeat_interleave(sizes)
        counts = torch.bincount((expert * sentences + sentence)[real], minlength=experts * sentences)
        reduced = reduction(self.outputs[real], counts)
        reduced = reduced.masked_fill((counts == 0)[:, None], 0)
        return reduced.unflatten(0, (experts, sentences)).transpose(0, 1).flatten(1)


def segments(how: str) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return a reduction for `Routed.reduce`: `max`, `mean` or `sum`."""
    return lambda outputs, counts: torch.segment_reduce(outputs, how, lengths=counts, axis=0, unsafe=True)


def is_of_experts(module: nn.Module) -> bool:
    """Return whether a module holds the experts of a layer, and transformers lets another function compute what they
    give.
    """
    return all(hasattr(module, name) for name in TOLD) and hasattr(type(module).forward, "__wrapped__")


def weights_of(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weights of a module of experts whose output units are neurons, by name."""
    return {name: getattr(module, name) for name in ("gate_up_proj" if module.has_gate else "up_proj", "down_proj")}


def units_of(module: nn.Module, name: str) -> tuple[int, int]:
    """Return how many experts a module has, and how many output units one of its weights has for each of them."""
    weight = getattr(module, name)
    return weight.shape[0], weight.shape[2 if module.is_transposed else 1]


def module_at(modules: Mapping[str, nn.Module], name: str) -> nn.Module | None:
    """Return the module of a name, or the one that holds the experts' weight of that name; None where there is neither.

    Args:
        modules: All of the backbone's, by name.
        name: Like `layers.0.mlp.up_proj` or `layers.0.mlp.experts.down_proj`.
    """
    if name in modules:
        return modules[name]
    holder = modules.get(name.rpartition(".")[0])
    return holder if holder is not None and weight_at(holder, name) is not None else None


def weight_at(module: nn.Module, name: str) -> str | None:
    """Return the name, inside a module of experts, of the weight that a site's name stands for; None of any other
    module.
    """
    weight = name.rpartition(".")[2]
    return weight if is_of_experts(module) and weight in weights_of(module) else None


class Handle:
    """Of a hook on a weight of experts; `remove` takes the hook away."""

    def __init__(self, hooks: list, hook: Callable):
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Take the hook away."""
        self._hooks.remove(self._hook)


_hooks: WeakKeyDictionary[nn.Module, dict[str, list[Callable]]] = WeakKeyDictionary()
_agreeing: WeakSet[nn.Module] = WeakSet()


def add_hook(
    module: nn.Module, name: str, hook: Callable[[nn.Module, tuple, object], None], first: bool = False
) -> "Handle | torch.utils.hooks.RemovableHandle":
    """Have a hook called with what a module, or a weight of experts, puts out, whenever it runs.

    Args:
        module: As `module_at` finds it.
        name: Of the module or weight. That of experts shows itself inside `computing_openly` alone.
        hook: As forward hooks of torch are; of experts, it is given a `Routed` for the output.
        first: Whether it is called before the hooks that are there.
    """
    if (weight := weight_at(module, name)) is None:
        return module.register_forward_hook(hook, prepend=first)
    hooks = _hooks.setdefault(module, {}).setdefault(weight, [])
    hooks.insert(0 if first else len(hooks), hook)
    return Handle(hooks, hook)


@contextmanager
def computing_openly(backbone: nn.Module) -> Iterator[None]:
    """Have what experts of a model put out shown to hooks in the block; nothing is done to a model without experts."""
    before = compute_openly(backbone)
    try:
        yield
    finally:
        for config, implementation in before:
            config._experts_implementation = implementation


def compute_openly(backbone: nn.Module) -> list[tuple[PreTrainedConfig, str | None]]:
    """Have what experts of a model put out shown to hooks from now on; return what its configurations said before."""
    configs = {id(module.config): module.config for module in backbone.modules() if is_of_experts(module)}
    before = [(config, config._experts_implementation) for config in configs.values()]
    for config, _ in before:
        config._experts_implementation = OPENLY
    return before


def _compute(module: nn.Module, states: torch.Tensor, chosen: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """What experts give for states [tokens, d], as transformers asks for it: [tokens, d].

    Args:
        module: Of the experts.
        states: Of all tokens.
        chosen: Which experts each token is routed to, int64 [tokens, some].
        weights: Of these experts in the sum for the token, [tokens, some].
    """
    if module not in _agreeing:
        _require_agreement(module, states, chosen, weights)
    return _sum_over_experts(module, states, chosen, weights, _hooks.get(module, {}))


ALL_EXPERTS_FUNCTIONS.register(OPENLY, _compute)


def _sum_over_experts(
    module: nn.Module,
    states: torch.Tensor,
    chosen: torch.Tensor,
    weights: torch.Tensor,
    hooks: Mapping[str, Sequence[Callable]],
) -> torch.Tensor:
    count, each = chosen.shape
    experts = module.num_experts
    by_expert = chosen.flatten().argsort(stable=True)
    # Numbers beyond those of experts stand for none.
    sizes = torch.bincount(chosen.flatten(), minlength=experts)[:experts].tolist()
    by_expert = by_expert[: sum(sizes)]
    tokens = by_expert // each

    def put_out(name: str, inputs: torch.Tensor) -> torch.Tensor:
        weight = getattr(module, name)
        bias = getattr(module, f"{name}_bias") if module.has_bias else None
        outputs = inputs.new_empty(len(inputs), units_of(module, name)[1])
        start = 0
        for expert, size in enumerate(sizes):
            if size:
                rows = slice(start, start + size)
                matrix = weight[expert].T if module.is_transposed else weight[expert]
                outputs[rows] = nn.functional.linear(inputs[rows], matrix, None if bias is None else bias[expert])
                start += size
        for hook in tuple(hooks.get(name, ())):
            hook(module, (inputs,), Routed(outputs, tokens, sizes, count))
        return outputs

    first, last = weights_of(module)
    hidden = put_out(first, states[tokens])
    hidden = module._apply_gate(hidden) if module.has_gate else module.act_fn(hidden)
    given = put_out(last, hidden)
    if module.has_post_expert_norm:
        given = module.post_expert_norm(given)
    weighted = given * weights.flatten()[by_expert, None]
    summands = weighted.new_zeros(count * each, given.shape[-1])
    summands[by_expert] = weighted
    return summands.unflatten(0, (count, each)).sum(dim=1).to(states.dtype)


def _require_agreement(module: nn.Module, states: torch.Tensor, chosen: torch.Tensor, weights: torch.Tensor) -> None:
    """Make sure that experts are computed as transformers computes them.

    Raises:
        StudyError: they are not.
    """
    theirs = type(module).forward.__wrapped__(module, states, chosen, weights).float()
    ours = _sum_over_experts(module, states, chosen, weights, {}).float()
    # What is NaN, the stages say.
    if (ours - theirs).norm() > TOLERANCE[states.dtype] * theirs.norm():
        raise StudyError(
            f"the experts of a {type(module).__name__} do more than is known of experts, so what their units put out "
            "cannot be recorded or changed; give neurons.sites as a list of patterns that leaves them out."
        )
    _agreeing.add(module)

"""Interventions: what is done to chosen units of a model while it runs.

    with steer(model, condition):
        ...  # the model is changed here, and only here

`steer_by_row` applies several conditions at once, each to its own rows of a batch.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from workflow_scripts.interventions.conditions import Condition, Site
from workflow_scripts.interventions.method import Method
from workflow_scripts.interventions.registry import get_method
from workflow_scripts.jobs.errors import StudyError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel
    from transformers.utils import ModelOutput

    from workflow_scripts.models.experts import Routed
    from workflow_scripts.models.loading import LanguageModel


@contextmanager
def steer(model: "LanguageModel | PreTrainedModel", condition: Condition) -> Iterator[None]:
    """Apply a condition to a model inside the block; the model is as before when the block ends, however it ends.

    Args:
        model: Any model of transformers, or one that a stage has loaded. All that it is used for in the block is
            changed, its `generate` included.
        condition: Its `positions: last` are, by the attention mask that the model is given, the last tokens that are
            no padding; without a mask, the last ones.

    Raises:
        StudyError: a module of the condition is missing in the model or has another width, which layers show when they
            run in the block; there, too, the last position alone is to be changed and the attention mask is none of
            shape [rows, tokens].
    """
    backbone = _backbone(model)
    last = _LastPositions() if condition.positions == "last" else None
    with ExitStack() as stack:
        if last is not None:
            noted = _called(backbone).register_forward_pre_hook(last.note, with_kwargs=True)
            stack.callback(noted.remove)
        hooks = [(site, _hook(site, get_method(condition.method), last)) for site in condition.sites]
        _add_hooks(stack, backbone, hooks)
        yield


@contextmanager
def steer_by_row(
    model: "LanguageModel", conditions: Sequence[Condition], condition_of_row: "torch.Tensor"
) -> "Iterator[Callable[[torch.Tensor], None]]":
    """Apply to each row of a batch its own condition, inside the block.

        with steer_by_row(model, conditions, condition_of_row) as set_rows:
            ...  # batches of these rows
            set_rows(condition_of_other_row)
            ...  # batches of other rows

    At every position of the input: in a generation that goes on token by token, the last position is the only one.

    Args:
        model: Must be given batches of exactly these rows.
        conditions: All by the same method, save for conditions that change nothing.
        condition_of_row: int64 [rows], index into `conditions`.

    Raises:
        StudyError: as `steer`, or the conditions are by different methods, or a module mixes the rows of a batch.
    """
    hooks = _row_hooks(model, conditions)

    def set_rows(condition_of_row: "torch.Tensor") -> None:
        for _, hook in hooks:
            hook.set_rows(condition_of_row)

    set_rows(condition_of_row)
    with ExitStack() as stack:
        _add_hooks(stack, model.backbone, hooks)
        yield set_rows


def _add_hooks(stack: ExitStack, backbone: "torch.nn.Module", hooks: Sequence[tuple[Site, Callable]]) -> None:
    """Hook into the modules of sites until the stack is left.

    Before any other hook, so that recorded activations are the intervened ones.

    Raises:
        StudyError: a module is missing in the model, or has another width.
    """
    from workflow_scripts.models.experts import add_hook, computing_openly, is_of_experts

    modules = [module_of(backbone, site) for site, _ in hooks]
    if any(map(is_of_experts, modules)):
        stack.enter_context(computing_openly(backbone))
    for module, (site, hook) in zip(modules, hooks, strict=True):
        stack.callback(add_hook(module, site.module, hook, first=True).remove)


def _row_hooks(
    model: "LanguageModel", conditions: Sequence[Condition]
) -> list[tuple[Site, "_RowHook | _LayerRowHook"]]:
    sites: dict[str, dict[int, Site]] = {}
    of_any_strength = any("strength" in site.parameters for condition in conditions for site in condition.sites)
    for index, condition in enumerate(conditions):
        for site in condition.sites:
            full = {"strength": [1.0] * len(site.units)} if of_any_strength else {}  # of which a condition says nothing
            sites.setdefault(site.module, {})[index] = replace(site, parameters={**full, **site.parameters})
    names = {condition.method for condition in conditions if condition.sites}
    if len(names) > 1:
        raise StudyError(f"conditions by different methods ({', '.join(sorted(names))}) cannot share a batch.")
    if len({tuple(sorted(site.parameters)) for by_condition in sites.values() for site in by_condition.values()}) > 1:
        raise StudyError("conditions by one method with other parameters cannot share a batch.")
    hooks = []
    for by_condition in sites.values():
        for site in by_condition.values():
            module_of(model.backbone, site)  # all have the width that the model has there
        method = get_method(*names)
        hook = (
            _LayerRowHook(by_condition, method) if method.on_layer else _RowHook(by_condition, method, len(conditions))
        )
        hooks.append((site, hook))
    return hooks


class _LayerRowHook:
    """A hook that changes, in each row of a layer's states, all dimensions together as the row's own condition says."""

    def __init__(self, by_condition: dict[int, Site], method: Method):
        import torch

        self._method, self._site = method, next(iter(by_condition.values()))
        self._parameters = {
            index: {name: torch.tensor(values, dtype=torch.float32) for name, values in site.parameters.items()}
            for index, site in by_condition.items()
        }

    def set_rows(self, condition_of_row: "torch.Tensor") -> None:
        """Find the rows of each condition that changes the layer."""
        self._rows = {index: (condition_of_row == index).nonzero()[:, 0] for index in self._parameters}
        self._row_count = len(condition_of_row)

    def __call__(self, module: "torch.nn.Module", inputs: tuple, output: "torch.Tensor | tuple") -> None:
        """Change states [rows, tokens, d] in place."""
        states = _by_row(_states(self._site, output), self._row_count)
        for index, rows in self._rows.items():
            if len(rows):
                rows = rows.to(states.device)
                parameters = self._parameters[index].items()
                values = {name: each.to(states.device, states.dtype) for name, each in parameters}
                states[rows] = self._method.apply(states[rows], **values).to(states.dtype)


class _RowHook:
    """A hook that changes, in each row of a module's output, the units of the row's own condition alone."""

    def __init__(self, by_condition: dict[int, Site], method: Method, conditions: int):
        import torch

        self._method, self._site = method, next(iter(by_condition.values()))
        self._of_experts = {index: _UnitsOfExperts(site, method) for index, site in by_condition.items()}
        self._sizes = torch.zeros(conditions, dtype=torch.long)
        for index, site in by_condition.items():
            self._sizes[index] = len(site.units)
        # What is changed under the first condition, then under the second, and so on.
        ordered = [by_condition[index] for index in sorted(by_condition)]
        self._units = torch.tensor([unit for site in ordered for unit in site.units])
        self._parameters = {
            name: torch.tensor([value for site in ordered for value in site.parameters[name]], dtype=torch.float32)
            for name in ordered[0].parameters
        }

    def set_rows(self, condition_of_row: "torch.Tensor") -> None:
        """Lay out for each row that is changed at all its changes: a row, a unit and parameters each."""
        import torch

        self._condition_of_row = condition_of_row = condition_of_row.to(self._sizes.device)
        self._row_count = len(condition_of_row)
        sizes = self._sizes[condition_of_row]
        self._rows = torch.arange(self._row_count).repeat_interleave(sizes)
        # Place of a change within the row's condition, then among the changes of all conditions.
        place = torch.arange(len(self._rows)) - (sizes.cumsum(0) - sizes)[self._rows]
        place += (self._sizes.cumsum(0) - self._sizes)[condition_of_row][self._rows]
        self._columns = self._units[place]
        self._values = {name: values[place] for name, values in self._parameters.items()}

    def __call__(self, module: "torch.nn.Module", inputs: tuple, output: "torch.Tensor | Routed | tuple") -> None:
        """Change an output [rows, tokens, width] in place."""
        if _is_routed(output):
            conditions = self._condition_of_row.to(output.device)[_row_of_each(output, self._row_count)]
            for index, units in self._of_experts.items():
                units.change(output, conditions == index)
            return
        output = _by_row(_states(self._site, output), self._row_count)
        if self._rows.device != output.device:
            self._rows, self._columns = self._rows.to(output.device), self._columns.to(output.device)
        self._values = {name: values.to(output.device, output.dtype) for name, values in self._values.items()}
        by_token = output.transpose(0, 1)  # a view, so that the changes come last
        changes = (slice(None), self._rows, self._columns)
        by_token[changes] = self._method.apply(by_token[changes], **self._values)


def _backbone(model: "LanguageModel | PreTrainedModel") -> "torch.nn.Module":
    if hasattr(model, "backbone") and hasattr(model, "manifest"):
        return model.backbone
    from workflow_scripts.models.adoption import part_that_reads

    return part_that_reads(model)[0]


def _called(backbone: "torch.nn.Module") -> "torch.nn.Module":
    """What a model calls for its last states: the backbone, or what it wraps, as that of OPT does a decoder."""
    from transformers import PreTrainedModel

    children = list(backbone.children())
    return _called(children[0]) if len(children) == 1 and isinstance(children[0], PreTrainedModel) else backbone


def module_of(backbone: "torch.nn.Module", site: Site) -> "torch.nn.Module":
    """Return the module of a model's backbone that a site is, or that holds the weight of experts that it is.

    Of an empty name, it is the one that puts out the last states.

    Raises:
        StudyError: it is missing in the model, or a linear layer of another width.
    """
    from math import prod

    from workflow_scripts.models.experts import module_at, units_of, weight_at
    from workflow_scripts.models.sites import output_width

    module = module_at(dict(backbone.named_modules()), site.module) if site.module else _called(backbone)
    if module is None:
        raise _made_for_another(site)
    weight = weight_at(module, site.module)
    width = output_width(module) if weight is None else prod(units_of(module, weight))
    # A block, or the backbone as a whole, has states of a width that they show when it runs.
    if (width or site.width) != site.width:
        raise _made_for_another(site)
    return module


def _made_for_another(site: Site) -> StudyError:
    return StudyError(
        f"the condition changes {site.width} units of {site.module or 'the last layer'}, which this model lacks or has "
        "in another width; it was made for another model."
    )


def _states(site: Site, output: "torch.Tensor | tuple | list | ModelOutput") -> "torch.Tensor":
    """What the module of a site puts out, to be changed in place: [rows, tokens, units], or [rows · tokens, units].

    Raises:
        StudyError: it puts out another number of units.
    """
    from workflow_scripts.models.site_outputs import states_of

    states = states_of(output)
    if states is None or states.shape[-1] != site.width:
        raise _made_for_another(site)
    return states


def _by_row(states: "torch.Tensor", rows: int) -> "torch.Tensor":
    """Return states as a view [rows, tokens, units]; OPT lays out the tokens of all rows in one dimension.

    Raises:
        StudyError: they are none of so many rows.
    """
    from workflow_scripts.models.site_outputs import by_token

    found = by_token(states, rows, None)
    if found is None:
        raise StudyError(
            f"a module gives an output of another shape than a batch of {rows} sequences has, so rows cannot be told "
            "apart; take another neurons.sites, positions: all, or leave `sweep` out."
        )
    return found


def _is_routed(output: object) -> bool:
    """Whether an output is that of experts."""
    from workflow_scripts.models.experts import Routed

    return isinstance(output, Routed)


def _row_of_each(output: "Routed", rows: int) -> "torch.Tensor":
    """Which row of a batch of so many rows each row of what experts put out is of, int64."""
    return output.tokens // (output.count // rows)


class _UnitsOfExperts:
    """The units of a weight of experts that a condition changes, expert by expert."""

    def __init__(self, site: Site, method: Method):
        self._site, self._method = site, method
        self._by_expert: list[tuple[int, torch.Tensor, dict[str, torch.Tensor]]] | None = None

    def change(self, output: "Routed", chosen: "torch.Tensor | None" = None) -> None:
        """Change what experts put out in place.

        Args:
            output: Of experts.
            chosen: Which of its rows are changed, bool [rows]; None for all.
        """
        for expert, units, parameters in self._divided(output):
            rows = output.rows_of(expert)
            states = output.outputs[rows]
            if chosen is None:
                states[:, units] = self._method.apply(states[:, units], **parameters).to(states.dtype)
            else:
                places = chosen[rows].nonzero()
                states[places, units] = self._method.apply(states[places, units], **parameters).to(states.dtype)

    def _divided(self, output: "Routed") -> "list[tuple[int, torch.Tensor, dict[str, torch.Tensor]]]":
        """Each expert that has any of the units: its number, its own units, and their parameters."""
        import torch

        if self._by_expert is None:
            width, like = output.outputs.shape[-1], {"device": output.device, "dtype": output.outputs.dtype}
            numbers = torch.tensor(self._site.units, dtype=torch.long)
            values = {name: torch.tensor(each, dtype=torch.float32) for name, each in self._site.parameters.items()}
            self._by_expert = []
            for expert in (numbers // width).unique().tolist():
                own = numbers // width == expert
                parameters = {name: each[own].to(**like) for name, each in values.items()}
                self._by_expert.append((expert, (numbers[own] % width).to(output.device), parameters))
        return self._by_expert


def _hook(site: Site, method: Method, last: "_LastPositions | None"):
    import torch

    of_experts = _UnitsOfExperts(site, method)
    units = torch.tensor(site.units, dtype=torch.long)
    parameters = {name: torch.tensor(values, dtype=torch.float32) for name, values in site.parameters.items()}

    def change(module, inputs, output):
        nonlocal units, parameters
        if _is_routed(output):
            of_experts.change(output, None if last is None else last.among(output))
            return
        output = _states(site, output)
        if units.device != output.device:
            units = units.to(output.device)
        parameters = {name: values.to(output.device, output.dtype) for name, values in parameters.items()}
        if last is None:
            # A third of the time of `output[..., units] = …`.
            columns = units.expand(*output.shape[:-1], -1)
            changed = method.apply(output.gather(-1, columns), **parameters)
            output.scatter_(-1, columns, changed.to(output.dtype).expand_as(columns))
            return
        output = _by_row(output, last.rows)
        rows = torch.arange(output.shape[0], device=output.device)
        places = last.of(output.shape[1], output.device)
        chosen = output[rows, places]
        chosen[:, units] = method.apply(chosen[:, units], **parameters)
        output[rows, places] = chosen

    return change


class _LastPositions:
    """Where the last token that is no padding stands in each row of what is going through the model."""

    def __init__(self) -> None:
        self.rows = 0
        self._mask: torch.Tensor | None = None

    def note(self, backbone: "torch.nn.Module", inputs: tuple, named: dict) -> None:
        """Remember how many rows the backbone is called with, and with which attention mask."""
        called = inspect.signature(backbone.forward).bind_partial(*inputs, **named).arguments
        called |= called.pop("kwargs", {})
        self._mask = called.get("attention_mask")
        given = called.get("input_ids")
        self.rows = len(called["inputs_embeds"] if given is None else given)

    def among(self, output: "Routed") -> "torch.Tensor":
        """Return which rows of what experts put out are of the last positions, bool."""
        tokens = output.count // self.rows
        row, place = _row_of_each(output, self.rows), output.tokens % tokens
        last = self.of(tokens, output.device)
        return place == (last if isinstance(last, int) else last[row])

    def of(self, tokens: int, device: "torch.device") -> "torch.Tensor | int":
        """Return the positions among the tokens of an output [rows, tokens, units], int64 [rows] or one for all."""
        import torch

        from workflow_scripts.models.batching import passing_batch

        if (batch := passing_batch()) is not None:
            return batch.lengths.to(device) - 1
        if self._mask is None:
            return tokens - 1
        if not isinstance(self._mask, torch.Tensor) or self._mask.dim() != 2:
            raise StudyError(
                "the condition changes the last position alone, which an attention mask of shape [rows, tokens] tells; "
                "this model is given another kind of mask. Call it with such a mask and a dynamic cache, or make the "
                "condition with positions: all."
            )
        # With a cache, the mask covers earlier tokens, too.
        real = self._mask[:, -tokens:].to(device) != 0
        places = torch.arange(1, tokens + 1, device=device)
        found = (real * places).amax(dim=1) - 1
        return torch.where(found < 0, tokens - 1, found)

"""Interventions: what is done to chosen units of a model while it runs.

    with intervene(model, condition):
        ...  # the model is changed here, and only here

`intervene_by_row` applies several conditions at once, each to its own rows of a batch.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from workflow_scripts.interventions.conditions import Condition, Site
from workflow_scripts.interventions.method import Method
from workflow_scripts.interventions.registry import get_method
from workflow_scripts.jobs.errors import StudyError

if TYPE_CHECKING:
    import torch
    from transformers.utils import ModelOutput

    from workflow_scripts.models.loading import LanguageModel


@contextmanager
def intervene(model: "LanguageModel", condition: Condition) -> Iterator[None]:
    """Apply a condition to a model inside the block; the model is as before when the block ends, however it ends.

    Raises:
        StudyError: a module of the condition is missing in the model or has another width.
    """
    handles = []
    try:
        for site in condition.sites:
            module = _module(model, site)
            hook = _hook(model, site, get_method(condition.method), last_only=condition.positions == "last")
            # Before any other hook, so that recorded activations are the intervened ones.
            handles.append(module.register_forward_hook(hook, prepend=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def intervene_by_row(
    model: "LanguageModel", conditions: Sequence[Condition], condition_of_row: "torch.Tensor"
) -> "Iterator[Callable[[torch.Tensor], None]]":
    """Apply to each row of a batch its own condition, inside the block.

        with intervene_by_row(model, conditions, condition_of_row) as set_rows:
            ...  # batches of these rows
            set_rows(condition_of_other_row)
            ...  # batches of other rows

    At every position of the input: in a generation that goes on token by token, the last position is the only one.

    Args:
        model: Must be given batches of exactly these rows.
        conditions: All by the same method, save for conditions that change nothing.
        condition_of_row: int64 [rows], index into `conditions`.

    Raises:
        StudyError: as `intervene`, or the conditions are by different methods, or a module mixes the rows of a batch.
    """
    hooks = _row_hooks(model, conditions)

    def set_rows(condition_of_row: "torch.Tensor") -> None:
        for _, hook in hooks:
            hook.set_rows(condition_of_row)

    set_rows(condition_of_row)
    handles = []
    try:
        for module, hook in hooks:
            handles.append(module.register_forward_hook(hook, prepend=True))
        yield set_rows
    finally:
        for handle in handles:
            handle.remove()


def _row_hooks(
    model: "LanguageModel", conditions: Sequence[Condition]
) -> list[tuple["torch.nn.Module", "_RowHook | _LayerRowHook"]]:
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
        modules = [_module(model, site) for site in by_condition.values()]
        method = get_method(*names)
        hook = _LayerRowHook if method.on_layer else _RowHook
        hooks.append((modules[0], hook(by_condition, method, len(conditions))))
    return hooks


class _LayerRowHook:
    """A hook that changes, in each row of a layer's states, all dimensions together as the row's own condition says."""

    def __init__(self, by_condition: dict[int, Site], method: Method, conditions: int):
        import torch

        self._method = method
        self._width = next(iter(by_condition.values())).width
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
        states = _by_row(output, self._row_count)
        if states.shape[-1] != self._width:
            raise StudyError(f"a layer has states of {states.shape[-1]} dimensions, not the condition's {self._width}.")
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

        self._method = method
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

        condition_of_row = condition_of_row.to(self._sizes.device)
        self._row_count = len(condition_of_row)
        sizes = self._sizes[condition_of_row]
        self._rows = torch.arange(self._row_count).repeat_interleave(sizes)
        # Place of a change within the row's condition, then among the changes of all conditions.
        place = torch.arange(len(self._rows)) - (sizes.cumsum(0) - sizes)[self._rows]
        place += (self._sizes.cumsum(0) - self._sizes)[condition_of_row][self._rows]
        self._columns = self._units[place]
        self._values = {name: values[place] for name, values in self._parameters.items()}

    def __call__(self, module: "torch.nn.Module", inputs: tuple, output: "torch.Tensor | tuple") -> None:
        """Change an output [rows, tokens, width] in place."""
        output = _by_row(output, self._row_count)
        if self._rows.device != output.device:
            self._rows, self._columns = self._rows.to(output.device), self._columns.to(output.device)
        self._values = {name: values.to(output.device, output.dtype) for name, values in self._values.items()}
        by_token = output.transpose(0, 1)  # a view, so that the changes come last
        changes = (slice(None), self._rows, self._columns)
        by_token[changes] = self._method.apply(by_token[changes], **self._values)


def _by_row(output: "torch.Tensor | tuple | list | ModelOutput", rows: int) -> "torch.Tensor":
    """A module's states [rows, tokens, width], to be changed in place.

    Raises:
        StudyError: its output is none of so many rows.
    """
    from workflow_scripts.models.site_outputs import by_token, states_of

    states = by_token(states_of(output), rows, None)
    if states is None:
        raise StudyError(
            f"a module gives an output of another shape than a batch of {rows} sequences has, so rows cannot be told "
            "apart; "
            "take another neurons.sites, or leave `sweep` out."
        )
    return states


def _module(model: "LanguageModel", site: Site) -> "torch.nn.Module":
    from workflow_scripts.models.sites import output_width

    module = dict(model.backbone.named_modules()).get(site.module)
    width = None if module is None else output_width(module)
    # A block, or the backbone as a whole, whose output are states, is no linear layer; blocks may be wider than the
    # last states, which is found out when they run.
    if module is not None and width is None:
        width = site.width if site.module in model.manifest.blocks else model.manifest.width
    if width != site.width:
        raise StudyError(
            f"the condition changes {site.width} units of {site.module}, which this model lacks or has in another "
            "width; it was made for another model."
        )
    return module


def _hook(model: "LanguageModel", site: Site, method: Method, last_only: bool):
    import torch

    from workflow_scripts.models.site_outputs import states_of

    units = torch.tensor(site.units, dtype=torch.long)
    parameters = {name: torch.tensor(values, dtype=torch.float32) for name, values in site.parameters.items()}

    def change(module, inputs, output):
        nonlocal units, parameters
        output = states_of(output)
        if output is None or output.shape[-1] != site.width:
            raise StudyError(f"{site.module} does not put out {site.width} units, as the condition says.")
        if units.device != output.device:
            units = units.to(output.device)
        parameters = {name: values.to(output.device, output.dtype) for name, values in parameters.items()}
        if not last_only:
            # A third of the time of `output[..., units] = …`.
            columns = units.expand(*output.shape[:-1], -1)
            changed = method.apply(output.gather(-1, columns), **parameters)
            output.scatter_(-1, columns, changed.to(output.dtype).expand_as(columns))
            return
        if output.dim() == 2 and model.rows is not None:
            output = _by_row(output, model.rows)  # OPT lays out the tokens of all rows in one dimension
        rows = torch.arange(output.shape[0], device=output.device)
        last = model.last_positions(output.shape[1])
        chosen = output[rows, last]
        chosen[:, units] = method.apply(chosen[:, units], **parameters)
        output[rows, last] = chosen

    return change

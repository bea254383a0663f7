"""Interventions: what is done to chosen units of a model while it runs.

    with intervene(model, condition):
        ...  # the model is changed here, and only here

`intervene_by_row` applies several conditions at once, each to its own rows of a batch.

A method is a file of this folder that defines one subclass of `Method`; its `name` is what `intervention.method` in
the config says. Nothing else has to be edited (docs/adding.md).
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from workflow_scripts.lib.conditions import Condition, Site
from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.interventions.method import Method

if TYPE_CHECKING:
    import torch

    from workflow_scripts.lib.models import LanguageModel

# The methods are found by listing this folder, which a reading of the imports cannot see.
FINGERPRINT_ALSO = ["workflow_scripts.lib.interventions.*"]


@cache
def methods() -> dict[str, Method]:
    """All methods by name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return {method.name: method() for method in Method.__subclasses__()}


def get_method(name: str) -> Method:
    """The method of that name.

    Raises:
        StudyError: there is none.
    """
    if name not in methods():
        raise StudyError(f"intervention.method: {name} is not one of {', '.join(sorted(methods()))}.")
    return methods()[name]


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
) -> Iterator[None]:
    """Apply to each row of a batch its own condition, inside the block.

    At every position of the input: in a generation that goes on token by token, the last position is the only one.

    Args:
        model: Must be given batches of exactly these rows.
        conditions: All by the same method, save for conditions that change nothing.
        condition_of_row: int64 [rows], index into `conditions`.

    Raises:
        StudyError: as `intervene`, or the conditions are by different methods, or a module mixes the rows of a batch.
    """
    handles = []
    try:
        for module, hook in _row_hooks(model, conditions, condition_of_row):
            handles.append(module.register_forward_hook(hook, prepend=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _row_hooks(
    model: "LanguageModel", conditions: Sequence[Condition], condition_of_row: "torch.Tensor"
) -> Iterator[tuple["torch.nn.Module", Callable]]:
    sites: dict[str, list[tuple[int, Site]]] = {}
    for index, condition in enumerate(conditions):
        for site in condition.sites:
            sites.setdefault(site.module, []).append((index, site))
    names = {condition.method for condition in conditions if condition.sites}
    if len(names) > 1:
        raise StudyError(f"conditions by different methods ({', '.join(sorted(names))}) cannot share a batch.")
    for of_module in sites.values():
        modules = [_module(model, site) for _, site in of_module]
        hook = _row_hook(of_module, get_method(*names), condition_of_row)
        yield modules[0], hook


def _row_hook(of_module: list[tuple[int, Site]], method: Method, condition_of_row: "torch.Tensor") -> Callable:
    """A hook that changes the union of the conditions' units, in each row those of its own condition alone."""
    import torch

    device = condition_of_row.device
    union = sorted({unit for _, site in of_module for unit in site.units})
    column = {unit: place for place, unit in enumerate(union)}
    rows = len(condition_of_row)
    changed = torch.zeros(rows, len(union), dtype=torch.bool, device=device)
    parameters = {
        name: torch.zeros(rows, len(union), dtype=torch.float32, device=device) for name in of_module[0][1].parameters
    }
    for index, site in of_module:
        here = (condition_of_row == index).nonzero()
        places = torch.tensor([column[unit] for unit in site.units], device=device)
        changed[here, places] = True
        for name, values in site.parameters.items():
            parameters[name][here, places] = torch.tensor(values, dtype=torch.float32, device=device)
    units, changed = torch.tensor(union, device=device), changed[:, None]
    parameters = {name: values[:, None] for name, values in parameters.items()}

    def change(module, inputs, output):
        nonlocal units, changed, parameters
        if output.dim() != 3 or len(output) != rows:
            raise StudyError(
                f"a module gives an output of shape {tuple(output.shape)} for a batch of {rows} sequences, so rows "
                "cannot be told apart; take another neurons.sites, or leave `sweep` out."
            )
        if units.device != output.device:
            units, changed = units.to(output.device), changed.to(output.device)
        parameters = {name: values.to(output.device, output.dtype) for name, values in parameters.items()}
        old = output[..., units]
        output[..., units] = torch.where(changed, method.transform(old, **parameters), old)
        return output

    return change


def _module(model: "LanguageModel", site: Site) -> "torch.nn.Module":
    from workflow_scripts.lib.sites import output_width

    module = dict(model.backbone.named_modules()).get(site.module)
    if module is None or output_width(module) != site.width:
        raise StudyError(
            f"the condition changes {site.width} units of {site.module}, which this model lacks or has in another "
            "width; it was made for another model."
        )
    return module


def _hook(model: "LanguageModel", site: Site, method: Method, last_only: bool):
    import torch

    units = torch.tensor(site.units, dtype=torch.long)
    parameters = {name: torch.tensor(values, dtype=torch.float32) for name, values in site.parameters.items()}

    def change(module, inputs, output):
        nonlocal units, parameters
        if units.device != output.device:
            units = units.to(output.device)
        parameters = {name: values.to(output.device, output.dtype) for name, values in parameters.items()}
        if not last_only:
            output[..., units] = method.transform(output[..., units], **parameters)
            return output
        rows = torch.arange(output.shape[0], device=output.device)
        last = model.last_positions(output.shape[1])
        chosen = output[rows, last]
        chosen[:, units] = method.transform(chosen[:, units], **parameters)
        output[rows, last] = chosen
        return output

    return change

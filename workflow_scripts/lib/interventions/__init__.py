"""Interventions: what is done to chosen units of a model while it runs.

    with intervene(model, condition):
        ...  # the model is changed here, and only here

A method is a file of this folder that defines one subclass of `Method`; its `name` is what `intervention.method` in
the config says. Nothing else has to be edited (docs/adding.md).
"""

import importlib
import pkgutil
from collections.abc import Iterator
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

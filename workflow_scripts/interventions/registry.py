"""The methods of intervention by name.

A method is a file of this folder that defines one subclass of `Method`; its `name`, which is the file's, is what
`intervention.method` and `methods.*.method` in the config say. Nothing else has to be edited (docs/adding.md).
"""

import importlib
import pkgutil
from functools import cache
from pathlib import Path

import numpy as np

from workflow_scripts.interventions.method import LayerStatistics, Method, UnitStatistics
from workflow_scripts.jobs.errors import StudyError

# The methods are found by listing this folder, which a reading of the imports cannot see.
FINGERPRINT_ALSO = ["workflow_scripts.interventions.*"]


@cache
def methods() -> dict[str, Method]:
    """All methods by name."""
    for module in pkgutil.iter_modules([Path(__file__).parent]):
        importlib.import_module(f"{__package__}.{module.name}")
    found = {method.name: method() for method in _subclasses(Method)}
    return dict(sorted(found.items()))


def _subclasses(method: type[Method]) -> list[type[Method]]:
    return [found for each in method.__subclasses__() for found in (each, *_subclasses(each))]


def get_method(name: str) -> Method:
    """The method of that name.

    Raises:
        StudyError: there is none.
    """
    if name not in methods():
        raise StudyError(f"intervention.method: {name} is not one of {', '.join(sorted(methods()))}.")
    return methods()[name]


def parameters_of(name: str, strength: float, statistics: UnitStatistics | LayerStatistics) -> dict[str, np.ndarray]:
    """What a condition stores of a method at some strength, by name, each [units]; of full strength it says nothing.

    Raises:
        StudyError: there is no such method.
    """
    units = statistics.target if isinstance(statistics, LayerStatistics) else statistics.expertise
    return of_strength(get_method(name).parameters(statistics), strength, len(units))


def of_strength(parameters: dict[str, np.ndarray], strength: float, units: int) -> dict[str, np.ndarray]:
    """A method's parameters with its strength, [units], of which a condition says nothing where it is full."""
    return parameters if strength == 1 else {**parameters, "strength": np.full(units, strength)}

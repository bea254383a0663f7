"""The methods of intervention by name.

A method is a file of this folder that defines one subclass of `Method`; the file's name is what `intervention.method`
and `methods.*.method` in the config say. Nothing else has to be edited (docs/adding.md).

A method is imported by its name, which a reading of the imports cannot see: the fingerprint of a stage holds no method.
A job on a condition adds the fingerprint of `method_module` of the condition's method, so that another method, or a
change to it, makes no other job run again.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.interventions.method import LayerStatistics, Method, Settings, UnitStatistics
from workflow_scripts.jobs.errors import StudyError


def methods() -> dict[str, Method]:
    """Return all methods by name."""
    found = {name: _defined_in(method_module(name)) for name in _files()}
    return {name: method for name, method in found.items() if method is not None}


def _files() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules([Path(__file__).parent]))


@cache
def _defined_in(module: str) -> Method | None:
    imported = importlib.import_module(module)
    classes = [each for each in vars(imported).values() if isinstance(each, type) and each.__module__ == module]
    classes = [each for each in classes if issubclass(each, Method) and each is not Method]
    if len(classes) > 1:
        raise StudyError(
            f"{imported.__file__} defines {len(classes)} methods ({', '.join(each.__name__ for each in classes)}); "
            "give each a file of its own, whose name is the method's."
        )
    return classes[0]() if classes else None


def method_module(name: str) -> str:
    """Return the module of the method of that name, whose fingerprint belongs to every job on its conditions."""
    return f"{__package__}.{name}"


def get_method(name: str) -> Method:
    """Return the method of that name.

    Raises:
        StudyError: there is none.
    """
    # Its file alone is imported: a mistake in another one ends no job that does without it.
    method = _defined_in(method_module(name)) if name in _files() else None
    if method is None:
        raise StudyError(f"intervention.method: {name} is not one of {', '.join(methods())}.")
    return method


def read_settings(name: str, given: Mapping[str, Any]) -> Settings:
    """Return the settings of a method, those not given at their defaults.

    Raises:
        StudyError: there is no such method.
        pydantic.ValidationError: the method has no such setting, or one has a wrong value.
    """
    return get_method(name).read_settings(given)


def settings_given(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that were given of a method, each as the type that the method declares.

    Raises:
        StudyError, pydantic.ValidationError: as `read_settings`.
    """
    settings = asdict(read_settings(name, given)) if given else {}
    return {key: settings[key] for key in given}


def parameters_of(
    name: str,
    strength: float,
    statistics: UnitStatistics | LayerStatistics,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> dict[str, np.ndarray]:
    """Return what a condition stores of a method at some strength, by name, each [units]; of full strength nothing.

    Args:
        name: Of the method.
        strength: Share of the method's change that is made.
        statistics: What is known of the units, or of the layer.
        settings: The method's own, of which those that are not given have their defaults.
        seed: Of the random control; where None, a method that draws is given a generator of a fixed seed.

    Raises:
        StudyError, pydantic.ValidationError: as `read_settings`.
    """
    method = get_method(name)
    units = statistics.target if isinstance(statistics, LayerStatistics) else statistics.expertise
    # The seed alone draws the random control's units, and [seed, 1] whose parameters each is given.
    generator = np.random.default_rng([seed or 0, 2])
    chosen = read_settings(name, settings) if settings else method.settings()
    return of_strength(method.parameters(statistics, chosen, generator), strength, len(units))


def of_strength(parameters: dict[str, np.ndarray], strength: float, units: int) -> dict[str, np.ndarray]:
    """Return a method's parameters with its strength, [units], of which a condition says nothing where it is full."""
    return parameters if strength == 1 else {**parameters, "strength": np.full(units, strength)}

"""The workflow, one room after the other; a stage is run as `python -m workflow_scripts.<room>.<stage>`.

What people use from Python is imported from here, and read only when it is first used (docs/api.md):

    from workflow_scripts import embed, find_experts, read_condition, steer
"""

from importlib import import_module
from typing import Any

_ROOMS = {
    "Condition": "interventions.conditions",
    "Experts": "conditions.experts",
    "embed": "embeddings.live",
    "export_model": "interventions.export",
    "find_experts": "conditions.experts",
    "read_condition": "interventions.conditions",
    "steer": "interventions.hooks",
    "write_condition": "interventions.conditions",
    "write_steering_vector": "interventions.export",
}
__all__ = list(_ROOMS)


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})

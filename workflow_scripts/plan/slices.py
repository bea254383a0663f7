"""A slice of the config: all of it that a job depends on, as canonical JSON, and nothing else.

Snakemake runs a job again when, and only when, that text changes.
"""

from collections.abc import Callable
from typing import Any

from workflow_scripts.jobs.files import canonical_json


def slice_of_config(method: Callable[..., dict[str, Any]]) -> Callable[..., str]:
    """Make a method that builds a slice of the config return its canonical JSON."""

    def spec(self, *arguments: Any, **options: Any) -> str:
        return canonical_json(method(self, *arguments, **options))

    spec.__doc__ = method.__doc__
    return spec

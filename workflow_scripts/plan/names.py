"""The names of conditions, which are slugs in the names of files, and of layers."""

import re
from dataclasses import dataclass

from workflow_scripts.config.fields import METHOD_NAME
from workflow_scripts.jobs.errors import StudyError

BASE = "base"  # the condition that changes nothing
UNTRAINED = "untrained"  # the same of random weights, a baseline of what probes find in words
STRENGTH = r"\d+(?:\.\d+)?"  # of an intervention, in the name of a condition


@dataclass(frozen=True)
class ConditionName:
    """What the slug of a condition says: `es-expert-max-k100`, `es-random-max-k100-s3`, `es-layer-caa`.

    The last changes a whole layer. What is done is the study's own intervention (`intervention` in the config) unless a
    method follows, one of `methods`, as in `es-expert-max-k100-aura`; `-x0.5` after it is its strength, 1 if unsaid.
    """

    target: str
    units: str
    pooling: str | None = None
    k: int | None = None
    seed: int | None = None
    method: str | None = None
    strength: float = 1.0

    def __str__(self) -> str:
        seed = "" if self.seed is None else f"-s{self.seed}"
        method = "" if self.method is None else f"-{self.method}"
        if self.strength != 1:
            method += f"-x{self.strength:g}"
        if self.units == "layer":
            return f"{self.target}-layer{method}"
        return f"{self.target}-{self.units}-{self.pooling}-k{self.k}{seed}{method}"

    @classmethod
    def parse(cls, slug: str) -> "ConditionName":
        """Return the parts of a slug.

        Raises:
            StudyError: it is not of that form.
        """
        method = rf"-(?P<method>{METHOD_NAME})(?:-x(?P<strength>{STRENGTH}))?"
        if match := re.fullmatch(rf"([a-z]+)-layer{method}", slug):
            return cls(match[1], "layer", method=match["method"], strength=float(match["strength"] or 1))
        match = re.fullmatch(rf"([a-z]+)-(expert|random)-([a-z_]+)-k(\d+)(?:-s(\d+))?(?:{method})?", slug)
        if match is None or (match[2] == "random") != (match[5] is not None):
            raise StudyError(f"{slug} names no condition; es-expert-max-k100 and es-random-max-k100-s3 do.")
        seed = None if match[5] is None else int(match[5])
        changed = match["method"], float(match["strength"] or 1)
        return cls(match[1], match[2], match[3], int(match[4]), seed, *changed)


def layer_path(layer: int) -> str:
    """Return the part of paths that names a further layer of a model, after the data set: `/layer-2`."""
    return f"/layer-{layer}"


def layer_number(path: str) -> int:
    """Return the layer that such a part of a path names."""
    return int(path.removeprefix("/layer-"))

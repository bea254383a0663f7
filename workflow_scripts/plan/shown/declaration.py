"""What is declared of a table or figure, in one file of this folder each: what it reads and depends on, and its place.

The rules, the report, `all` and `beyond` are made from these declarations.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan

Inputs = dict[str, list[str]]  # paths by the name of the stage's option


@dataclass(frozen=True)
class Place:
    """Where in the report something stands: a chapter of `report/chapters.py`, and its order there."""

    chapter: str
    order: int


@dataclass(frozen=True)
class Table:
    """A table: `results/{name}.csv`, `.md`, `.tex` and `.json`."""

    name: str
    stage: str
    place: Place
    inputs: "Callable[[Plan], Inputs]"
    spec: "Callable[[Plan], dict[str, Any]]"
    why_none: "Callable[[Plan], str | None]" = lambda plan: None  # why the study has no such table
    beyond: bool = False  # whether it goes beyond the paper
    minutes: int = 10  # that a job asks a cluster for


@dataclass(frozen=True)
class Contents:
    """A figure: its path under `figures/`, the paper's number for it if it has one, and what it shows."""

    path: str
    models: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    number: int | None = None


@dataclass(frozen=True)
class Figure:
    """Figures of a kind: `results/figures/{path}.pdf`, `.png`, `.csv` and `.json` of each."""

    kind: str
    stage: str
    place: Place
    figures: "Callable[[Plan], list[Contents]]"  # of the study, in their order
    inputs: "Callable[[Plan, Contents], Inputs]"
    spec: "Callable[[Plan, Contents], dict[str, Any]]"
    nameable: "Callable[[Plan], list[Contents]] | None" = None  # all that can be asked for, where these are more
    why_none: "Callable[[Plan], str | None]" = lambda plan: None  # why the study has no figure of this kind
    beyond: bool = False


def numbered(figures: list[Contents], first: int, count: int) -> list[Contents]:
    """Return figures with the paper's numbers, `count` of them from `first` on; those past the last have none."""
    return [
        Contents(each.path, each.models, each.targets, first + place if place < count else None)
        for place, each in enumerate(figures)
    ]


def by_model(kind: str, models: list[str], targets: list[str]) -> list[Contents]:
    """Return a figure of a kind per model, `{kind}/{model}`, with these targets."""
    return [Contents(f"{kind}/{model}", [model], targets) for model in models]

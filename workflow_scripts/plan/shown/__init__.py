"""Every table and figure, declared in one file of this folder each.

Nothing else lists them: a file that is added here is a rule, a target and a part of the report.
"""

import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.plan import paths
from workflow_scripts.plan.shown import findings
from workflow_scripts.plan.shown.declaration import Contents, Figure, Inputs, Table

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan

TABLE_FORMATS = ("csv", "md", "tex", "json")
FIGURE_FORMATS = ("pdf", "png", "csv", "json")


@cache
def declared() -> tuple[list[Table], list[Figure]]:
    """Return all declarations, in the order of their places in the report."""
    modules = [
        importlib.import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules([Path(__file__).parent])
    ]
    found = [each for module in modules for each in vars(module).values() if isinstance(each, Table | Figure)]
    ordered = sorted(dict.fromkeys(found), key=lambda each: (each.place.chapter, each.place.order))
    return [each for each in ordered if isinstance(each, Table)], [each for each in ordered if isinstance(each, Figure)]


class Shown:
    """The tables and figures of a study."""

    def __init__(self, plan: "Plan"):
        self._plan = plan

    def tables(self, beyond: bool | None = None) -> list[Table]:
        """Return the tables that the study has content for: the paper's, those beyond it, or all."""
        return [
            table
            for table in declared()[0]
            if not table.why_none(self._plan) and (beyond is None or table.beyond == beyond)
        ]

    def kinds(self, beyond: bool | None = None) -> list[Figure]:
        """Return the kinds of figures that the study has: the paper's, those beyond it, or all."""
        return [
            kind
            for kind in declared()[1]
            if not kind.why_none(self._plan) and (beyond is None or kind.beyond == beyond)
        ]

    def figures(self, beyond: bool | None = None) -> list[tuple[Figure, Contents]]:
        """Return the figures of the study with their kinds: the paper's, those beyond it, or all."""
        return [(kind, contents) for kind in self.kinds(beyond) for contents in kind.figures(self._plan)]

    def distinct(self, figures: list[tuple[Figure, Contents]]) -> list[tuple[Figure, Contents]]:
        """Return the figures without those that show what an earlier one of the same kind does."""
        first: dict[tuple, tuple[Figure, Contents]] = {}
        for kind, contents in figures:
            first.setdefault(self._shows(kind, contents), (kind, contents))
        return list(first.values())

    def _shows(self, kind: Figure, contents: Contents) -> tuple:
        return kind.kind, tuple(contents.models), tuple(contents.targets)

    def _also(self, kind: Figure, contents: Contents) -> int | None:
        """Return a further number of the paper under which the study has the same figure."""
        same = [
            other.number
            for of_kind, other in self.figures()
            if self._shows(of_kind, other) == self._shows(kind, contents) and other.path != contents.path
        ]
        return next((number for number in same if number), None)

    @property
    def table_numbers(self) -> list[int]:
        """Return the paper's numbers of the tables that the study has."""
        numbers = [re.fullmatch(r"table(\d+)", table.name) for table in self.tables()]
        return sorted(int(match[1]) for match in numbers if match)

    @property
    def figure_numbers(self) -> dict[int, str]:
        """Return the paths of the figures that have a number of the paper's, by that number."""
        return dict(sorted((each.number, each.path) for _, each in self.figures() if each.number is not None))

    def figure(self, number: int) -> str:
        """Return the path of the figure of a number.

        Raises:
            StudyError: the study has no such figure.
        """
        there = self.figure_numbers
        if number not in there:
            reason = self._plan.sweeps.why_none(self._plan.models.names) if number == 2 else None
            reason = reason or f"It has {', '.join(map(str, there))}."
            raise StudyError(f"This study has no Figure {number}. {reason}")
        return there[number]

    def nameable(self, kind: Figure) -> dict[str, Contents]:
        """Return every figure of a kind that can be asked for, by its path."""
        there = (kind.nameable or kind.figures)(self._plan)
        return {contents.path: contents for contents in there}

    def inputs(self, shown: Table | Figure, path: str = "") -> Inputs:
        """Return the files that a table, or the figure of a path, is made of, by the name of the option.

        Raises:
            StudyError: the study has no such table or figure.
        """
        if reason := shown.why_none(self._plan):
            what = shown.name if isinstance(shown, Table) else path
            raise StudyError(f"This study has no {what}. {reason}")
        found = shown.inputs(self._plan, *self._contents(shown, path))
        return {option: paths for option, paths in found.items() if paths}

    def spec(self, shown: Table | Figure, path: str = "") -> str:
        """Return what a table, or the figure of a path, depends on, as canonical JSON."""
        return canonical_json(shown.spec(self._plan, *self._contents(shown, path)))

    def _contents(self, shown: Table | Figure, path: str) -> list[Contents]:
        return [] if isinstance(shown, Table) else [self.nameable(shown)[path]]

    def metrics(self, tables: list[Table], figures: list[tuple[Figure, Contents]]) -> dict[str, list[str]]:
        """Return the metrics that these tables, these figures and the findings are made of, by model.

        Of a space, all that was measured in one job is there. Example sentences are none.
        """
        read = [
            findings.inputs(self._plan),
            *(self.inputs(table) for table in tables),
            *(self.inputs(kind, contents.path) for kind, contents in figures),
        ]
        by_model: dict[str, list[str]] = {}
        for path in dict.fromkeys(path for inputs in read for of_option in inputs.values() for path in of_option):
            found = re.fullmatch(r"(<results>/(?:metrics|sweeps)/([^/]+)/.+)/(\w+)\.(csv|parquet)", path)
            if found is None or found[3] == "examples":
                continue
            folder, model, name, suffix = found.groups()
            if name in paths.SPACE or name in paths.SUFFIXES:
                by_model.setdefault(model, []).extend(f"{folder}/{each}.csv" for each in paths.SPACE)
            elif suffix == "csv":
                by_model.setdefault(model, []).append(path)
        return {model: list(dict.fromkeys(found)) for model, found in by_model.items()}

    def subtitle(self, kind: Figure, contents: Contents) -> str:
        """Return what tells a figure apart from others of its kind: its models and targets."""
        if kind.kind == "sweep":
            return ""
        models = ", ".join(self._plan.models[model].label for model in contents.models)
        targets = ", ".join(self._plan.config.language_table[target].name for target in contents.targets)
        return f"{models} · {targets}"

    def labels(self, shown: Table | Figure, path: str = "") -> dict[str, str]:
        """Return what a list calls a table, or the figure of a path: its name or number, and what it shows."""
        if isinstance(shown, Table):
            numbered = re.fullmatch(r"table(\d+)", shown.name)
            return {"shown": f"Table {numbered[1]}" if numbered else f"Table {shown.name.replace('_', ' ')}", "of": ""}
        contents = next((each for _, each in self.figures() if each.path == path), self.nameable(shown)[path])
        number = "" if contents.number is None else f" {contents.number}"
        kind = shown.kind.replace("_", " ")
        return {"shown": f"Figure{number}: {kind}", "of": self.subtitle(shown, contents)}

    def report(self, tables: list[Table], figures: list[tuple[Figure, Contents]]) -> str:
        """Return what the report's page depends on: what each table and figure is, and where it stands."""
        described: dict[str, Any] = {
            "tables": [
                {"chapter": table.place.chapter, "order": table.place.order, "name": table.name} for table in tables
            ],
            "figures": [
                {
                    "chapter": kind.place.chapter,
                    "order": kind.place.order,
                    "kind": kind.kind,
                    "number": contents.number,
                    "subtitle": self.subtitle(kind, contents),
                    **({"also": also} if (also := self._also(kind, contents)) else {}),
                }
                for kind, contents in self.distinct(figures)
            ],
        }
        return canonical_json(described)

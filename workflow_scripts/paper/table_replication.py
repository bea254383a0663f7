"""Put every number of the study's tables beside the paper's, and say whether the paper's claim about it holds."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from workflow_scripts.config.settings import CandidateSet, ShownDistance, ShownSimilarity
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.paper.published import LAYOUTS, MAIN_STATISTICS, Model, compare, laid_out
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import PooledSpec

FINGERPRINT_FILES = [
    "paper/printed/table1.csv",
    "paper/printed/table2.csv",
    "paper/printed/table3.csv",
    "paper/printed/table5.csv",
    "paper/printed/table6.csv",
    "paper/printed/table7.csv",
]

PUBLISHED = [Path(__file__).parents[1] / name for name in FINGERPRINT_FILES]
DECIMALS = {"table7": 3}  # as published; two elsewhere
TRANSLATED = "to_english"  # the paper's direction in Table 7


class Spec(PooledSpec):
    """What is compared with the paper's numbers."""

    models: list[Model] = Field(min_length=1)
    similarity: ShownSimilarity
    measure: ShownDistance
    candidates_set: CandidateSet


def read_tables(paths: list[Path]) -> dict[str, pd.DataFrame]:
    """Return tables by name, which is that of the file, in the order of the paper.

    Raises:
        StudyError: a file is named like none of the paper's tables, or two are named alike.
    """
    named = {path.stem: path for path in paths}
    if unknown := [str(path) for path in paths if path.stem not in LAYOUTS]:
        raise StudyError(f"{', '.join(unknown)}: not the name of a table; known: {', '.join(LAYOUTS)}.")
    if len(named) < len(paths):
        raise StudyError(f"Two of {', '.join(map(str, paths))} are the same table; give each once.")
    return {
        name: pd.read_csv(named[name], keep_default_na=False, na_values=["", "NA"]) for name in LAYOUTS if name in named
    }


def comparison(ours: dict[str, pd.DataFrame], papers: dict[str, pd.DataFrame], spec: Spec) -> pd.DataFrame:
    """Return one row per number, in the order of tables, models and poolings; columns as `paper.published.COLUMNS`.

    Raises:
        StudyError: a table is not laid out as its name says, or a model is said to be one that the paper has not.
    """
    readings = {
        "similarity": spec.similarity,
        "measure": spec.measure,
        "candidates_set": spec.candidates_set,
        "direction": TRANSLATED,
    }
    measured = {name: laid_out(name, rows, f"{name}.csv", readings) for name, rows in ours.items()}
    published = {name: laid_out(name, rows, f"The published {name}.csv") for name, rows in papers.items()}
    known = sorted({model for rows in published.values() for model in rows["model"]})
    for model in spec.models:
        if model.published not in (None, *known):
            raise StudyError(
                f"models.{model.name}.published: the paper has no {model.published}; give one of {', '.join(known)}, "
                "or null."
            )
    compared = compare(measured, published, spec.models)
    compared = compared[compared["pooling"].isin(spec.poolings)]
    order = {model.name: place for place, model in enumerate(spec.models)}
    places = pd.DataFrame(
        {
            "table": compared["table"].map(list(LAYOUTS).index),
            "model": compared["model"].map(order),
            "pooling": compared["pooling"].map(spec.poolings.index),
        }
    )
    return compared.loc[places.sort_values(["table", "model", "pooling"], kind="stable").index].reset_index(drop=True)


def as_table(compared: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row per cell of the paper's tables: measured, published, and whether the paper's claim on it holds."""
    cells = compared[compared["statistic"].isin(MAIN_STATISTICS)]
    rows = [
        [
            layout.Cell(row.table.removeprefix("table")),
            layout.Cell(spec.labels[row.model]),
            *layout.pooling_cells(row.pooling, spec.poolings),
            layout.Cell(row.cell.split(", ", 1)[1].removesuffix(f", {row.statistic}")),
            _number(row.measured, row.table),
            _published(row),
            _number(row.difference, row.table),
            layout.Cell(row.claim, gray=row.holds == "undefined"),
            layout.verdict_cell(row.holds),
            layout.Cell(row.holds_published),
        ]
        for row in cells.fillna({"claim": "", "holds": "", "holds_published": ""}).itertuples()
    ]
    headers = ["Table", "Model", *(column.text for column in layout.pooling_columns(spec.poolings)), "Cell"]
    return layout.Table(
        title="Every cell beside the paper's",
        caption=caption(cells, spec),
        columns=[
            *map(layout.Column, headers),
            *(layout.Column(text) for text in ("Measured", "Published", "Difference", "Claim")),
            *(layout.Column(text, group="Holds") for text in ("here", "in the paper")),
        ],
        rows=rows,
        labels=len(headers),
        gray_means="the measurement leaves the claim undefined",
    )


def _number(value: float, table: str) -> layout.Cell:
    text = "–" if math.isnan(value) else layout.number(value, DECIMALS.get(table, 2))
    return layout.Cell(text, value=value)


def _published(row: Any) -> layout.Cell:
    """Return the paper's number for the same model; else the range over its models, which sorts by its middle."""
    if not math.isnan(row.published):
        return _number(row.published, row.table)
    low, high = (_number(value, row.table).text for value in (row.published_low, row.published_high))
    return layout.Cell(low if low == high else f"{low} to {high}", value=(row.published_low + row.published_high) / 2)


def _held(cells: pd.DataFrame) -> tuple[int, int]:
    decided = cells["holds"].isin(["yes", "no"])
    return int((cells["holds"] == "yes").sum()), int(decided.sum())


def _held_in_the_paper(cells: pd.DataFrame) -> tuple[int, int]:
    """Return the counts of the paper's model, or, where the study's model is none of the paper's, of all its models."""
    held = of = 0
    for verdict in cells["holds_published"]:
        if verdict in ("yes", "no"):
            held, of = held + (verdict == "yes"), of + 1
        elif " of " in str(verdict):
            yes, decided = map(int, verdict.split(" of "))
            held, of = held + yes, of + decided
    return held, of


def caption(cells: pd.DataFrame, spec: Spec) -> str:
    """Return what the table shows and how it was computed."""
    others = any(model.published is None for model in spec.models)
    beside = ", where the model is none of the paper's as the range over those" if others else ""
    summed = ", counted over the paper's models" if others else ""
    (here, of_here), (there, of_there) = _held(cells), _held_in_the_paper(cells)
    away = cells["difference"].abs().mean()
    distance = "" if math.isnan(away) else f" Mean absolute difference: {layout.number(away)}."
    return (
        f"Every number of the study's tables (retrieval by {spec.similarity.replace('_', ' ')}) beside the published "
        f"one{beside}, and whether what the paper says of it (a sign, an order or a ratio) holds, here and in the "
        f"published numbers{summed}: {here} of {of_here} here, {there} of {of_there} there.{distance} The CSV has "
        "standard errors and intervals too, and notes where the paper contradicts itself."
    )


main = table_stage(
    Spec,
    __doc__,
    {"tables...": "CSV files of the study's tables, named table1.csv, table2.csv, …; those that it has"},
    read=lambda spec, files: comparison(read_tables(files.tables), read_tables(PUBLISHED), spec),
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)

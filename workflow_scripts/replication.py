"""Put every number of the study's tables beside the paper's, and say whether the paper's claim about it holds."""

from pathlib import Path

import pandas as pd
from pydantic import Field

from workflow_scripts.lib import stage, tables
from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.replication import LAYOUTS, MAIN_STATISTICS, PUBLISHED_IN, Model, compare, laid_out

TRANSLATED = "to_english"  # the paper's direction in Table 7


class Spec(stage.Spec):
    """What is compared with the paper's numbers."""

    models: list[Model] = Field(min_length=1, description="Models in the order of the rows.")
    poolings: list[str] = Field(min_length=1, description="How a neuron's response was pooled to find experts.")
    similarity: str = Field(description="Similarity of retrieval that is compared.")
    measure: str = Field(description="Measure of distance that is compared in Table 2, like pairs.")
    candidates_set: str = Field(description="Candidate languages of Table 2 that are compared: seen or all.")


def read_tables(paths: list[Path]) -> dict[str, pd.DataFrame]:
    """Tables by name, which is that of the file, in the order of the paper.

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
    """One row a number, in the order of tables, models and poolings; columns as `lib.replication.COLUMNS`.

    Raises:
        StudyError: a table is not laid out as its name says or has no published counterpart, or a model is said to be
            one that the paper has not.
    """
    readings = {
        "similarity": spec.similarity,
        "measure": spec.measure,
        "candidates_set": spec.candidates_set,
        "direction": TRANSLATED,
    }
    needed = dict.fromkeys(source for name in ours for source in PUBLISHED_IN.get(name, (name,)))
    if absent := [name for name in needed if name not in papers]:
        raise StudyError(f"The published {', '.join(absent)} is not among the files of --published; add it.")
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


def as_table(compared: pd.DataFrame, spec: Spec) -> tables.Table:
    """A row for each table, model and pooling: how near its cells are, and how many claims hold."""
    labels = {model.name: model.label for model in spec.models}
    rows = []
    for (name, model, pooling), cells in compared.groupby(["table", "model", "pooling"], sort=False):
        main = cells[cells["statistic"].isin(MAIN_STATISTICS)]
        rows.append(
            [
                tables.Cell(f"{name.removeprefix('table')}: {LAYOUTS[name].title}"),
                tables.Cell(labels[model]),
                *tables.pooling_cells(pooling, spec.poolings),
                tables.Cell(str(len(main)), value=len(main)),
                tables.number_cell(main["difference"].abs().mean()),
                _share(*_held(main)),
                _share(*_held_in_the_paper(main)),
            ]
        )
    headers = [tables.Column("Table"), tables.Column("Model"), *tables.pooling_columns(spec.poolings)]
    return tables.Table(
        title="The paper's tables replicated",
        caption=caption(spec),
        columns=[
            *headers,
            tables.Column("Cells"),
            tables.Column("Mean distance to the paper"),
            tables.Column("here", group="Claims that hold"),
            tables.Column("in the paper", group="Claims that hold"),
        ],
        rows=rows,
        labels=len(headers),
    )


def _held(cells: pd.DataFrame) -> tuple[int, int]:
    decided = cells["holds"].isin(["yes", "no"])
    return int((cells["holds"] == "yes").sum()), int(decided.sum())


def _held_in_the_paper(cells: pd.DataFrame) -> tuple[int, int]:
    """Of the paper's model, or summed over the paper's models where the study's is none of them."""
    held = of = 0
    for verdict in cells["holds_published"]:
        if verdict in ("yes", "no"):
            held, of = held + (verdict == "yes"), of + 1
        elif " of " in verdict:
            yes, decided = map(int, verdict.split(" of "))
            held, of = held + yes, of + decided
    return held, of


def _share(held: int, of: int) -> tables.Cell:
    return tables.Cell(f"{held} of {of}" if of else "–", value=held / of if of else None)


def caption(spec: Spec) -> str:
    """What the table shows and how it was computed."""
    own = any(model.published for model in spec.models)
    others = any(model.published is None for model in spec.models)
    missing = "NA where the model is none of the paper's" if others else ""
    summed = "summed over the paper's models where the model is none of them" if others else ""
    return (
        f"Cells of the paper's tables measured again (retrieval by {spec.similarity.replace('_', ' ')}): the mean of "
        f"the absolute differences from the published numbers{f' ({missing})' if missing else ''}, and in how many "
        "cells the paper's claim about it holds (the sign of a correlation, a change, or that there is none), here and "
        f"in the published numbers{' of the same model' if own else ''}{f' ({summed})' if summed else ''}. The CSV has "
        "every cell, its claim, and notes where the paper contradicts itself."
    )


def main(command: list[str] | None = None) -> None:
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "tables...": "CSV files of the study's tables, named table1.csv, table2.csv, …; those that it has",
            "published...": "the published numbers, named likewise",
        },
        outputs=tables.OUTPUTS,
        command=command,
    )
    compared = comparison(read_tables(files.tables), read_tables(files.published), spec)
    tables.write(compared, as_table(compared, spec), files)


if __name__ == "__main__":
    stage.run(main)

"""What each query of retrieval counts, on disk and under conditions, from which intervals over queries are made.

A query counts 1 if its translation is the most similar candidate, 1/m if m candidates share that place, else 0; the
accuracies of `retrieval.csv` are the means. Queries are the same sentences under every condition, so that what changes
is known of each.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.interventions.conditions import Condition
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.parquet import read_parquet, write_parquet
from workflow_scripts.measures.metric_files import controls, select, unintervened

KEY = ["model", "condition", "units", "target", "pooling", "seed", "similarity", "query", "candidate"]
WHAT = "retrieved queries"


def write_retrieved(
    path: Path, condition: Condition, dataset: str, found: dict[str, np.ndarray], languages: list[str]
) -> None:
    """Write a row per similarity and ordered pair of languages, with what each query counts as a list.

    Args:
        path: The file (parquet).
        condition: Under which it was measured; its columns come first, as in metric CSVs.
        dataset: The parallel corpus.
        found: By similarity, [query languages, candidate languages, sentences].
        languages: Their codes.
    """
    rows = [
        {**condition.columns(), "dataset": dataset, "similarity": name, "query": query, "candidate": candidate}
        | {"found": matrix[row, column]}
        for name, matrix in found.items()
        for row, query in enumerate(languages)
        for column, candidate in enumerate(languages)
        if row != column
    ]
    write_parquet(path, pd.DataFrame(rows))


def read_retrieved(paths: list[Path], similarity: str, queries: list[str]) -> pd.DataFrame:
    """Return the rows of a similarity whose queries are in some languages, of files that `write_retrieved` wrote.

    Raises:
        StudyError: a file is damaged, is no such file, or is of other queries than the others.
    """
    frames = []
    for path in paths:
        filters = [("similarity", "==", similarity), ("query", "in", queries)]
        frame = read_parquet(path, columns=[*KEY, "found"], filters=filters).to_pandas()
        frames.append(frame.astype({column: object for column in KEY if column != "seed"} | {"seed": float}))
        counts = {len(found) for of_file in (frames[0], frame) for found in of_file["found"]}
        if len(counts) > 1:
            raise StudyError(
                f"{path} has other queries than {paths[0]} ({' and '.join(map(str, sorted(counts)))}); delete both and "
                "run again."
            )
    return pd.concat(frames, ignore_index=True)


def found_before(retrieved: pd.DataFrame, wanted: pd.DataFrame) -> np.ndarray:
    """Return what queries count in the unintervened model, for each row of `wanted`: [rows, queries].

    Raises:
        StudyError: a row is missing.
    """
    return _found(retrieved, unintervened(wanted))


def found_after(retrieved: pd.DataFrame, wanted: pd.DataFrame, seeds: list[int]) -> np.ndarray:
    """Return what queries count under the intervention of each row of `wanted`: [draws, rows, queries].

    Args:
        retrieved: As `read_retrieved` gives it.
        wanted: Keys; model, pooling and target say which intervention is meant.
        seeds: Of the draws of random units; none: the experts, as one draw.

    Raises:
        StudyError: a row is missing.
    """
    keys = controls(wanted, seeds) or [wanted.assign(units="expert")]
    return np.stack([_found(retrieved, key) for key in keys])


def _found(retrieved: pd.DataFrame, wanted: pd.DataFrame) -> np.ndarray:
    return np.stack(select(retrieved, wanted, WHAT)["found"].to_list())

"""Metrics on disk: tidy CSV, one observation per row, what was done to the model in the leading columns."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.config.settings import Layer
from workflow_scripts.interventions.conditions import Condition
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import written_whole

# Read as text even where a file has no value in them, as the unintervened model has no target.
TEXT_COLUMNS = (
    "model",
    "condition",
    "method",
    "units",
    "target",
    "pooling",
    "dataset",
    "layer",
    "query",
    "candidate",
    "language",
    "train",
    "test",
    "medoid_id",
    "id",
    "pre_id",
    "query_text",
    "pre_text",
    "right_text",
)
# Columns of an ordered pair of languages, whichever a metric has.
PAIR_COLUMNS = (("query", "candidate"), ("first", "second"), ("train", "test"))


@contextmanager
def measuring(embeddings: Path) -> Iterator[None]:
    """Have what is refused inside the block say which file of embeddings it is about, and what to look at."""
    try:
        yield
    except StudyError as error:
        if type(error) is not StudyError:
            raise  # of the file itself, which it names
        raise StudyError(
            f"{embeddings}: {error} Check the model's weights and tokenizer, or force fewer neurons (models.*.k)."
        ) from error


def write_metric(
    path: Path, condition: Condition, dataset: str, rows: pd.DataFrame, layer: Layer | None = None
) -> None:
    """Write observations under a condition, in full precision.

    The columns of the condition (`model`, `condition`, `method`, `units`, `target`, `pooling`, `k`, `seed`) and
    `dataset` come first, then `layer`, where it is given, and those of `rows`.
    """
    leading = {**condition.columns(), "dataset": dataset, **({} if layer is None else {"layer": layer})}
    whole = pd.concat([pd.DataFrame([leading] * len(rows)), rows.reset_index(drop=True)], axis=1)
    with written_whole(path) as beside:
        whole.to_csv(beside, index=False)


def read_metrics(paths: list[Path], columns: list[str]) -> pd.DataFrame:
    """Concatenate metric CSVs: one row per observation, the condition in the leading columns.

    Raises:
        StudyError: a file lacks one of `columns`.
    """
    frames = []
    for path in paths:
        try:
            frame = pd.read_csv(
                path,
                dtype=dict.fromkeys(TEXT_COLUMNS, str),
                keep_default_na=False,  # `nan` is a language code
                na_values=["", "NA"],
            )
        except pd.errors.EmptyDataError:
            frame = pd.DataFrame()
        needed = ["model", "condition", "units", "target", "pooling", *columns]
        if absent := [column for column in needed if column not in frame.columns]:
            raise StudyError(
                f"{path} has no column {', '.join(absent)}, so it is not the metric CSV expected here; delete it and "
                "run again."
            )
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def grid(**values: list[str]) -> pd.DataFrame:
    """Return all combinations of the values, one per row, the last varying fastest; one column per keyword."""
    return pd.MultiIndex.from_product(values.values(), names=values.keys()).to_frame(index=False)


def pair_matrix(frame: pd.DataFrame, value: str, languages: list[str]) -> np.ndarray:
    """Return a column of values of ordered pairs as float64 [languages, languages], NaN where there is none.

    Args:
        frame: At most one row per pair, whose languages are in one of `PAIR_COLUMNS`: row and column of the matrix.
        value: The column of the values.
        languages: The languages of the matrix, in its order; rows of other languages are left out.

    Raises:
        ValueError: a pair has two rows.
    """
    row, column = next(pair for pair in PAIR_COLUMNS if set(pair) <= set(frame.columns))
    wide = frame.pivot(index=row, columns=column, values=value)
    return wide.reindex(index=languages, columns=languages).to_numpy(dtype=np.float64)


def select(metrics: pd.DataFrame, wanted: pd.DataFrame, what: str) -> pd.DataFrame:
    """Return the one observation for each row of `wanted`, in its order; the columns of `wanted` are the key.

    Args:
        metrics: Observations, at most one a key.
        wanted: Keys, which may repeat.
        what: What the observations are, for the message, like "distances".

    Raises:
        StudyError: an observation is missing, or there are two for one key.
    """
    key = list(wanted.columns)
    found = wanted.merge(metrics, how="left", on=key, indicator="source")
    missing = found[found["source"] == "left_only"]
    if len(missing):
        raise StudyError(
            f"The {what} lack {len(missing):,} of {len(wanted):,} rows that are needed here, the first being "
            f"{_named(missing.iloc[0][key])}. Measure these models, conditions and languages too, or take them out of "
            "the config."
        )
    if len(found) > len(wanted):
        first = found[found.duplicated(key)].iloc[0][key]
        same = found[(found[key] == first).all(axis=1)]
        conditions = ", ".join(sorted(same["condition"].unique())) if "condition" in same else "unknown"
        raise StudyError(
            f"The {what} hold {len(same)} rows with {_named(first)} (conditions: {conditions}), where one is needed. "
            "Give the files of one data set and of one k per model."
        )
    return found.drop(columns="source")


def _named(key: pd.Series) -> str:
    return ", ".join(f"{column} {value}" for column, value in key.items())


def unintervened(wanted: pd.DataFrame) -> pd.DataFrame:
    """Return the keys of the unintervened models that keys with a model, pooling and target are compared with."""
    return wanted.drop(columns=["pooling", "target"]).assign(units="none")


def controls(wanted: pd.DataFrame, seeds: list[int]) -> list[pd.DataFrame]:
    """Return the keys of the random control of each seed."""
    return [wanted.assign(units="random", seed=float(seed)) for seed in seeds]


def pre_and_post(metrics: pd.DataFrame, wanted: pd.DataFrame, value: str, what: str) -> pd.DataFrame:
    """Return `wanted` with the columns `pre` and `post`: the value without and with the intervention on experts.

    Args:
        metrics: Observations of the unintervened models and of the interventions.
        wanted: Keys; model, pooling and target say which intervention is meant.
        value: Column of the observed value.
        what: What the observations are, for the message.

    Raises:
        StudyError: as `select`.
    """
    pre = select(metrics, unintervened(wanted), what)
    post = select(metrics, wanted.assign(units="expert"), what)
    return wanted.assign(pre=pre[value].to_numpy(), post=post[value].to_numpy())


def pre_and_random(
    metrics: pd.DataFrame, wanted: pd.DataFrame, value: str, seeds: list[int], what: str
) -> pd.DataFrame:
    """Return `wanted` with `pre`, and with mean (`post`), `low` and `high` over seeds of the value under the random
    control.

    Args:
        metrics: Observations of the unintervened models and of the random control.
        wanted: Keys; model, pooling and target say which control is meant.
        value: Column of the observed value.
        seeds: Seeds of the control.
        what: What the observations are, for the message.

    Raises:
        StudyError: as `select`.
    """
    pre = select(metrics, unintervened(wanted), what)
    by_seed = [select(metrics, keys, what)[value].to_numpy() for keys in controls(wanted, seeds)]
    spread = np.stack(by_seed, axis=1)
    return wanted.assign(
        pre=pre[value].to_numpy(), post=spread.mean(axis=1), low=spread.min(axis=1), high=spread.max(axis=1)
    )

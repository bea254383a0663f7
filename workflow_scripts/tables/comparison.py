"""The comparison of methods: what is measured under each, at each strength, and at the same perplexity."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.fields import LanguageCode
from workflow_scripts.config.settings import ModelName, ResponsePooling
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.spec import Spec
from workflow_scripts.measures.metric_files import pair_matrix
from workflow_scripts.tables.shown_models import BASE_ROW, CONSTANT_ROW, OWN_ROW

# What is read of each kind of file, beside the columns that say what was done to the model.
KINDS = {
    "distances": ["measure", "query", "candidate", "value"],
    "retrieval": ["similarity", "query", "candidate", "accuracy"],
    "alignment": ["space", "centring", "measure", "query", "candidate", "value"],
    "paraphrase": ["similarity", "language", "space", "accuracy"],
    "language_id": ["sample_seed", "accuracy", "ngram_log_perplexity", "distinct_trigrams"],
    "perplexity": ["log_perplexity"],
}
METRICS = {
    "distance": "Distance",
    "centred_distance": "Centred Distance",
    "retrieval": "Retrieval",
    "paraphrase": "Paraphrases",
    "language_id": "Language ID",
    "ngram_log_perplexity": "N-gram Log Perplexity",
    "distinct_trigrams": "Distinct Trigrams",
    "log_perplexity": "Log Perplexity",
}
COST = "log_perplexity"  # what an intervention costs; methods are compared where it is the same
ROW = ["model", "pooling", "method", "strength", "matched"]  # the columns that tell the rows of the comparison apart

Observations = dict[str, pd.DataFrame]  # the metrics of a condition by kind, without rows where a kind was not measured


class Compared(Spec):
    """A row: a method at a strength, with a model and a pooling, and its conditions for each target."""

    model: ModelName
    pooling: ResponsePooling | None = Field(
        description="How responses are pooled to find experts; null under a method that changes no experts."
    )
    method: str = Field(description="Name that the row has.")
    strength: float | None = Field(description="Share of the method's change that is made; null where it is undefined.")
    conditions: dict[LanguageCode, list[str]] = Field(
        min_length=1,
        description="Slugs of the conditions by target; of several random draws, the mean is shown.",
    )


@dataclass(frozen=True)
class Space:
    """The languages and the similarity that are compared over."""

    base: str  # slug of the condition that changes nothing
    languages: list[str]  # between which distances and retrieval are measured
    paraphrased: list[str]  # targets that there are paraphrases of
    similarity: str  # by which retrieval is measured


def by_target(metrics: Observations, compared: list[Compared], space: Space) -> pd.DataFrame:
    """Return one row per row of the comparison, target and metric, with the columns `values` and `value`.

    `values` are distances of all ordered pairs of languages [languages, languages], NaN on the diagonal; retrieval with
    the target as query by candidate [languages], NaN where the target itself would be; otherwise a single number,
    of generated sentences the mean over seeds. `value` is the mean of what is not NaN. What no sweep has measured under
    a condition is NaN.

    Raises:
        StudyError: distances, retrieval or paraphrases of a condition are missing.
    """
    conditions = {kind: dict(iter(frame.groupby(["model", "condition"]))) for kind, frame in metrics.items()}
    rows = []
    for row in compared:
        measures = CONSTANT_MEASURES if row.method == CONSTANT_ROW else MEASURES
        for target, slugs in row.conditions.items():
            for metric in METRICS:
                values = [
                    measures[metric](
                        {
                            kind: found.get((row.model, slug), metrics[kind].iloc[:0])
                            for kind, found in conditions.items()
                        },
                        target,
                        slug,
                        space,
                    )
                    for slug in slugs
                ]
                leading = row.model_dump(include={"model", "pooling", "method", "strength"})
                named = {**leading, "matched": False, "target": target, "metric": metric}
                rows.append({**named, "values": np.mean(values, axis=0)})
    return _with_value(pd.DataFrame(rows))


def _with_value(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the mean of `values` in the column `value`, NaN where nothing was measured."""
    means = [math.nan if np.isnan(values).all() else float(np.nanmean(values)) for values in rows["values"]]
    return rows.assign(value=means)


def matched(values: pd.DataFrame, poolings: list[str]) -> pd.DataFrame:
    """Return what each method does at the strength at which its perplexity is that of the study's own intervention.

    Along a method's strengths, from 0, the unintervened model, metrics are interpolated linearly between the first two
    strengths between which the log perplexity reaches that of the study's own intervention with the same pooling (the
    first pooling, for methods on layers). NaN where it never does; no rows where that was not measured.

    Args:
        values: As `by_target` gives them.
        poolings: Of the study.

    Returns:
        Rows like those of `values`, `matched`, with the interpolated strength.
    """
    measured = values.dropna(subset="strength").fillna({"pooling": ""})
    by_row = measured.set_index(["model", "target", "pooling", "method", "strength", "metric"])
    wide = by_row["values"].unstack("metric")
    rows = []
    for (model, target), here in wide.groupby(["model", "target"]):
        here = here.droplevel(["model", "target"])
        (base,) = here.xs(BASE_ROW, level="method").to_dict("records")
        for (pooling, method), strengths in here.groupby(["pooling", "method"]):
            if method in (BASE_ROW, OWN_ROW):
                continue
            (own,) = here.loc[(pooling or poolings[0], OWN_ROW), COST]
            if np.isnan(own):
                continue
            points = strengths.droplevel(["pooling", "method"]).reset_index().to_dict("records")
            point = at_perplexity([{"strength": 0.0, **base}, *points], float(own))
            leading = {"model": model, "pooling": pooling or None, "method": method, "strength": point["strength"]}
            rows += [
                {**leading, "matched": True, "target": target, "metric": metric, "values": point[metric]}
                for metric in METRICS
            ]
    if not rows:
        return values.iloc[:0]
    return _with_value(pd.DataFrame(rows))


Point = dict[str, np.ndarray | float]  # strength and what was measured there, by metric


def at_perplexity(curve: list[Point], wanted: float) -> Point:
    """Return the point at which a curve first reaches a log perplexity, interpolated linearly in all that was measured.

    All values are NaN where the curve never reaches it.
    """
    for before, after in pairwise(curve):
        low, high = sorted((before[COST], after[COST]))  # False for NaN below
        if low <= wanted <= high:
            share = 1.0 if low == high else (wanted - before[COST]) / (after[COST] - before[COST])
            return {name: before[name] + share * (after[name] - before[name]) for name in before}
    return dict.fromkeys(curve[0], np.asarray(math.nan))


UNMEASURED = np.asarray(math.nan)
Measure = Callable[[Observations, str, str, Space], np.ndarray]


def _distance(measure: str) -> Measure:
    def distance(observed: Observations, target: str, condition: str, space: Space) -> np.ndarray:
        rows = observed["distances"]
        return _of_pairs(rows[rows["measure"] == measure], f"{measure} distances under {condition}", space)

    return distance


def _retrieval(observed: Observations, target: str, condition: str, space: Space) -> np.ndarray:
    rows = observed["retrieval"]
    rows = rows[(rows["similarity"] == space.similarity) & (rows["query"] == target)]
    return _of_candidates(rows, "accuracy", f"accuracies of {target} as query under {condition}", space)


def _paraphrase(wanted: str) -> Measure:
    def paraphrase(observed: Observations, target: str, condition: str, space: Space) -> np.ndarray:
        if target not in space.paraphrased:
            return UNMEASURED
        rows = observed["paraphrase"]
        kind = "pre" if condition == space.base else wanted
        rows = rows[(rows["similarity"] == space.similarity) & (rows["space"] == kind) & (rows["language"] == target)]
        return _complete(rows["accuracy"], 1, f"accuracies of paraphrases in {target} under {condition}")[0]

    return paraphrase


def _of_generated(column: str) -> Measure:
    def of_generated(observed: Observations, target: str, condition: str, space: Space) -> np.ndarray:
        rows = observed["language_id"]
        return np.asarray(rows.loc[rows["target"] == target].drop_duplicates("sample_seed")[column].mean())

    return of_generated


def _log_perplexity(observed: Observations, target: str, condition: str, space: Space) -> np.ndarray:
    # The unintervened model is in the sweep of every pooling, with the same text.
    rows = observed["perplexity"]
    return np.asarray(rows.loc[rows["target"] == target].drop_duplicates("target")["log_perplexity"].mean())


def _unmeasured(observed: Observations, target: str, condition: str, space: Space) -> np.ndarray:
    return UNMEASURED


def _of_constant(measure: str) -> Measure:
    def of_constant(observed: Observations, target: str, condition: str, space: Space) -> np.ndarray:
        rows = observed["alignment"]
        rows = rows[(rows["space"] == "constant") & (rows["measure"] == measure)]
        what = f"{measure} of the constant of {condition}"
        if measure == "pairs":
            return _of_pairs(rows, what, space)
        if space.similarity != "cosine":
            return UNMEASURED  # the control is measured by cosines, since a constant changes no other similarity
        return _of_candidates(rows[rows["query"] == target], "value", what, space)

    return of_constant


MEASURES: dict[str, Measure] = {
    "distance": _distance("pairs"),
    "centred_distance": _distance("pairs_centred"),
    "retrieval": _retrieval,
    "paraphrase": _paraphrase("post"),
    "language_id": _of_generated("accuracy"),
    "ngram_log_perplexity": _of_generated("ngram_log_perplexity"),
    "distinct_trigrams": _of_generated("distinct_trigrams"),
    "log_perplexity": _log_perplexity,
}
# Under the constant, which is added to every embedding; it changes neither text nor centred spaces.
CONSTANT_MEASURES: dict[str, Measure] = {
    **dict.fromkeys(METRICS, _unmeasured),
    "distance": _of_constant("pairs"),
    "retrieval": _of_constant("cosine_accuracy"),
    "paraphrase": _paraphrase("constant"),
}


def _of_pairs(rows: pd.DataFrame, what: str, space: Space) -> np.ndarray:
    """Return the value of every ordered pair of different languages, NaN on the diagonal."""
    rows = rows[rows[["query", "candidate"]].isin(space.languages).all(axis=1)]
    _complete(rows["value"], len(space.languages) * (len(space.languages) - 1), what)
    return pair_matrix(rows, "value", space.languages)


def _of_candidates(rows: pd.DataFrame, column: str, what: str, space: Space) -> np.ndarray:
    """Return the values of a query by candidate, NaN where it would be its own."""
    rows = rows[rows["candidate"].isin(space.languages)]
    _complete(rows[column], len(space.languages) - 1, what)
    return rows.set_index("candidate")[column].reindex(space.languages).to_numpy()


def _complete(values: pd.Series, count: int, what: str) -> np.ndarray:
    """Return values, of which there must be exactly `count`."""
    if len(values) != count:
        raise StudyError(
            f"the table of methods needs {count} {what} and was given {len(values)}; delete that metric CSV and run "
            "again."
        )
    return values.to_numpy()

"""The comparison of methods: what is measured under each, at each strength, and at one and the same perplexity."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.shown import BASE_ROW, CONSTANT_ROW, OWN_ROW

# What is read of each kind of file, beside the columns that say what was done to the model.
KINDS = {
    "distances": ["measure", "query", "candidate", "value"],
    "retrieval": ["similarity", "query", "candidate", "accuracy"],
    "alignment": ["space", "centring", "measure", "query", "candidate", "value"],
    "paraphrase": ["similarity", "language", "space", "accuracy"],
    "language_id": ["sample_seed", "accuracy"],
    "perplexity": ["log_perplexity"],
}
METRICS = {
    "distance": "Distance",
    "centred_distance": "Centred Distance",
    "retrieval": "Retrieval",
    "paraphrase": "Paraphrases",
    "language_id": "Language ID",
    "log_perplexity": "Log Perplexity",
}
ROW = ["model", "pooling", "method", "strength", "matched"]  # what says which row of the comparison a number is in

Observations = dict[str, pd.DataFrame]  # the metrics of one condition by kind; of a kind that is not there, no rows


class Compared(BaseModel):
    """A row: a method at a strength, with a model and a pooling, and its conditions for each target."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(description="Name of the model.")
    pooling: str | None = Field(description="How responses were pooled to find experts; None where there are none.")
    method: str = Field(description="Name that the row has.")
    strength: float | None = Field(description="Share of the method's change that is made; None where it is undefined.")
    conditions: dict[str, list[str]] = Field(
        min_length=1, description="Slugs of the conditions by target, several of random units, of which the mean is."
    )


@dataclass(frozen=True)
class Space:
    """What the comparison is over, beside its rows."""

    base: str  # slug of the condition that changes nothing
    languages: list[str]  # between which distances and retrieval are measured
    paraphrased: list[str]  # targets that there are paraphrases of
    similarity: str  # of retrieval


def by_target(metrics: Observations, compared: list[Compared], space: Space) -> pd.DataFrame:
    """One row for each row of the comparison, target and metric, in that order, with the column `value`.

    Distances are means over all ordered pairs of different languages; retrieval is the mean over the candidates of the
    target as query; language ID the mean over seeds. What no sweep has measured under a condition is NaN.

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
                rows.append({**named, "value": float(np.mean(values))})
    return pd.DataFrame(rows)


def matched(values: pd.DataFrame, poolings: list[str]) -> pd.DataFrame:
    """What each method does at the strength at which text of the target is as perplexing as under the study's own.

    Along a method's strengths, from 0, the unintervened model, metrics are interpolated linearly between the first two
    strengths between which the log perplexity reaches that of the study's own intervention with the same pooling (the
    first pooling, for methods on layers). NaN where it never does; no rows where that was not measured.

    Args:
        values: As `by_target` gives them.
        poolings: Of the study.

    Returns:
        Rows like those of `values`, `matched`, with the interpolated strength.
    """
    key = ["model", "pooling", "method", "strength", "target"]
    measured = values.dropna(subset="strength").fillna({"pooling": ""})
    wide = measured.set_index([*key, "metric"])["value"].unstack("metric").reset_index()
    compared = wide[~wide["method"].isin([BASE_ROW, OWN_ROW])]
    rows = []
    for (model, pooling, method, target), strengths in compared.groupby(["model", "pooling", "method", "target"]):
        here = wide[(wide["model"] == model) & (wide["target"] == target)]
        own = here[(here["method"] == OWN_ROW) & (here["pooling"] == (pooling or poolings[0]))]
        wanted = own["log_perplexity"].iloc[0]
        if math.isnan(wanted):
            continue
        curve = pd.concat([here[here["method"] == BASE_ROW], strengths.sort_values("strength")])
        point = at_perplexity(curve[["strength", *METRICS]], wanted)
        leading = {"model": model, "pooling": pooling or None, "method": method, "strength": point["strength"]}
        rows += [
            {**leading, "matched": True, "target": target, "metric": metric, "value": point[metric]}
            for metric in METRICS
        ]
    return pd.DataFrame(rows, columns=values.columns)


def at_perplexity(curve: pd.DataFrame, wanted: float) -> pd.Series:
    """The point at which a curve [strengths, columns] first reaches a log perplexity, interpolated in all columns.

    NaN in all columns where it never does.
    """
    reached = curve["log_perplexity"].to_numpy()
    for place in range(1, len(curve)):
        before, after = reached[place - 1], reached[place]
        if min(before, after) <= wanted <= max(before, after):
            share = 1.0 if before == after else (wanted - before) / (after - before)
            return curve.iloc[place - 1] + share * (curve.iloc[place] - curve.iloc[place - 1])
    return pd.Series(math.nan, index=curve.columns)


Measure = Callable[[Observations, str, str, Space], float]


def _distance(measure: str) -> Measure:
    def distance(observed: Observations, target: str, condition: str, space: Space) -> float:
        rows = observed["distances"]
        return _mean_of_pairs(rows[rows["measure"] == measure], f"{measure} distances under {condition}", space)

    return distance


def _retrieval(observed: Observations, target: str, condition: str, space: Space) -> float:
    rows = observed["retrieval"]
    rows = rows[(rows["similarity"] == space.similarity) & (rows["query"] == target)]
    rows = rows[rows["candidate"].isin(space.languages)]
    return _mean(rows["accuracy"], len(space.languages) - 1, f"accuracies of {target} as query under {condition}")


def _paraphrase(wanted: str) -> Measure:
    def paraphrase(observed: Observations, target: str, condition: str, space: Space) -> float:
        if target not in space.paraphrased:
            return math.nan
        rows = observed["paraphrase"]
        kind = "pre" if condition == space.base else wanted
        rows = rows[(rows["similarity"] == space.similarity) & (rows["space"] == kind) & (rows["language"] == target)]
        return _mean(rows["accuracy"], 1, f"accuracies of paraphrases in {target} under {condition}")

    return paraphrase


def _language_id(observed: Observations, target: str, condition: str, space: Space) -> float:
    rows = observed["language_id"]
    return float(rows.loc[rows["target"] == target].drop_duplicates("sample_seed")["accuracy"].mean())


def _log_perplexity(observed: Observations, target: str, condition: str, space: Space) -> float:
    # The unintervened model is in the sweep of every pooling, with the same text.
    rows = observed["perplexity"]
    return float(rows.loc[rows["target"] == target].drop_duplicates("target")["log_perplexity"].mean())


def _unmeasured(observed: Observations, target: str, condition: str, space: Space) -> float:
    return math.nan


def _of_constant(measure: str) -> Measure:
    def of_constant(observed: Observations, target: str, condition: str, space: Space) -> float:
        rows = observed["alignment"]
        rows = rows[(rows["space"] == "constant") & (rows["measure"] == measure)]
        what = f"{measure} of the constant of {condition}"
        if measure == "pairs":
            return _mean_of_pairs(rows, what, space)
        if space.similarity != "cosine":
            return math.nan  # the control is measured by cosines, to which alone a constant matters
        rows = rows[(rows["query"] == target) & rows["candidate"].isin(space.languages)]
        return _mean(rows["value"], len(space.languages) - 1, what)

    return of_constant


MEASURES: dict[str, Measure] = {
    "distance": _distance("pairs"),
    "centred_distance": _distance("pairs_centred"),
    "retrieval": _retrieval,
    "paraphrase": _paraphrase("post"),
    "language_id": _language_id,
    "log_perplexity": _log_perplexity,
}
# Of a constant of the size of the intervention's, added to every embedding: text and centred spaces stay as they are.
CONSTANT_MEASURES: dict[str, Measure] = {
    **dict.fromkeys(METRICS, _unmeasured),
    "distance": _of_constant("pairs"),
    "retrieval": _of_constant("cosine_accuracy"),
    "paraphrase": _paraphrase("constant"),
}


def _mean_of_pairs(rows: pd.DataFrame, what: str, space: Space) -> float:
    rows = rows[rows[["query", "candidate"]].isin(space.languages).all(axis=1)]
    return _mean(rows["value"], len(space.languages) * (len(space.languages) - 1), what)


def _mean(values: pd.Series, count: int, what: str) -> float:
    """The mean of exactly so many values."""
    if len(values) != count:
        raise StudyError(
            f"the table of methods needs {count} {what} and was given {len(values)}; delete that metric CSV and run "
            "again."
        )
    return float(values.mean())

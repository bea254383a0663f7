"""Compare methods of intervention: distances, retrieval, paraphrases, generated language and perplexity under each."""

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from workflow_scripts.lib import stage, tables
from workflow_scripts.lib.errors import StudyError
from workflow_scripts.lib.metric_files import read_metrics
from workflow_scripts.lib.shown import Model

# What is read of each kind of file, beside the columns that say what was done to the model.
KINDS = {
    "distances": ["measure", "query", "candidate", "value"],
    "retrieval": ["similarity", "query", "candidate", "accuracy"],
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
KEY = ["model", "pooling", "method"]


class Compared(BaseModel):
    """A row of the table: a method, with a model and a pooling, and its condition for each target."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(description="Name of the model.")
    pooling: str | None = Field(description="How responses were pooled to find experts; None where there are none.")
    method: str = Field(description="Name that the row has.")
    conditions: dict[str, str] = Field(min_length=1, description="Slug of the condition by target.")


class Spec(stage.Spec):
    """What the table shows."""

    models: list[Model] = Field(min_length=1, description="Models in the order of the rows.")
    poolings: list[str] = Field(min_length=1, description="How a neuron's response was pooled to find experts.")
    compared: list[Compared] = Field(min_length=1, description="The rows.")
    base: str = Field(description="Slug of the condition that changes nothing.")
    languages: list[str] = Field(min_length=2, description="Languages between which distances are measured.")
    paraphrased: list[str] = Field(description="Targets that there are paraphrases of.")
    similarity: str = Field(description="Similarity of retrieval.")


Observations = dict[str, pd.DataFrame]  # the metrics of one condition by kind; of a kind that is not there, no rows


def by_target(metrics: Observations, spec: Spec) -> pd.DataFrame:
    """One row for each model, pooling, method, target and metric, in the order of the spec, with the column value.

    Distances are means over all ordered pairs of different languages; retrieval is the mean over the candidates of the
    target as query; language ID the mean over seeds. What no sweep has measured under a condition is NaN.

    Raises:
        StudyError: distances, retrieval or paraphrases of a condition are missing.
    """
    conditions = {kind: dict(iter(frame.groupby(["model", "condition"]))) for kind, frame in metrics.items()}
    rows = []
    for row in spec.compared:
        for target, condition in row.conditions.items():
            observed = {
                kind: found.get((row.model, condition), metrics[kind].iloc[:0]) for kind, found in conditions.items()
            }
            for metric, measure in MEASURES.items():
                named = {"model": row.model, "pooling": row.pooling, "method": row.method, "target": target}
                value = measure(observed, target, condition, spec)
                rows.append({**named, "condition": condition, "metric": metric, "value": value})
    return pd.DataFrame(rows)


def _distance(measure: str) -> Callable[[Observations, str, str, Spec], float]:
    def distance(observed: Observations, target: str, condition: str, spec: Spec) -> float:
        rows = observed["distances"]
        rows = rows[(rows["measure"] == measure) & rows[["query", "candidate"]].isin(spec.languages).all(axis=1)]
        count = len(spec.languages) * (len(spec.languages) - 1)
        return _mean(rows["value"], count, f"{measure} distances under {condition}")

    return distance


def _retrieval(observed: Observations, target: str, condition: str, spec: Spec) -> float:
    rows = observed["retrieval"]
    rows = rows[(rows["similarity"] == spec.similarity) & (rows["query"] == target)]
    rows = rows[rows["candidate"].isin(spec.languages)]
    return _mean(rows["accuracy"], len(spec.languages) - 1, f"accuracies of {target} as query under {condition}")


def _paraphrase(observed: Observations, target: str, condition: str, spec: Spec) -> float:
    if target not in spec.paraphrased:
        return math.nan
    rows = observed["paraphrase"]
    space = "pre" if condition == spec.base else "post"
    rows = rows[(rows["similarity"] == spec.similarity) & (rows["space"] == space) & (rows["language"] == target)]
    return _mean(rows["accuracy"], 1, f"accuracies of paraphrases in {target} under {condition}")


def _language_id(observed: Observations, target: str, condition: str, spec: Spec) -> float:
    rows = observed["language_id"]
    return float(rows.loc[rows["target"] == target].drop_duplicates("sample_seed")["accuracy"].mean())


def _log_perplexity(observed: Observations, target: str, condition: str, spec: Spec) -> float:
    # The unintervened model is in the sweep of every pooling, with the same text.
    rows = observed["perplexity"]
    return float(rows.loc[rows["target"] == target].drop_duplicates("target")["log_perplexity"].mean())


MEASURES = {
    "distance": _distance("pairs"),
    "centred_distance": _distance("pairs_centred"),
    "retrieval": _retrieval,
    "paraphrase": _paraphrase,
    "language_id": _language_id,
    "log_perplexity": _log_perplexity,
}


def _mean(values: pd.Series, count: int, what: str) -> float:
    """The mean of exactly so many values."""
    if len(values) != count:
        raise StudyError(
            f"the table of methods needs {count} {what} and was given {len(values)}; delete that metric CSV and run "
            "again."
        )
    return float(values.mean())


def mean_over_targets(values: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard error of the mean, SD / √n with n − 1 in the SD, over the targets that were measured."""
    groups = values.groupby([*KEY, "metric"], sort=False, dropna=False)["value"]
    return groups.agg(mean="mean", sem="sem", targets="count").reset_index()


def as_table(summary: pd.DataFrame, spec: Spec) -> tables.Table:
    """A row for each model, pooling and method, a column for each metric that was measured at all."""
    cells = {
        (row.model, row.method, row.metric, row.pooling if isinstance(row.pooling, str) else None): (
            tables.mean_cell(row.mean, row.sem) if row.targets else tables.Cell("–", value=math.nan)
        )
        for row in summary.itertuples()
    }
    labels = {model.name: model.label for model in spec.models}
    shown = [metric for metric in METRICS if (summary["metric"].eq(metric) & summary["targets"].gt(0)).any()]
    rows = [
        [
            tables.Cell(labels[row.model]),
            *tables.pooling_cells(row.pooling or "", spec.poolings),
            tables.Cell(row.method.replace("_", " ")),
            *(cells[row.model, row.method, metric, row.pooling] for metric in shown),
        ]
        for row in spec.compared
    ]
    leading = [tables.Column("Model"), *tables.pooling_columns(spec.poolings), tables.Column("Method")]
    return tables.Table(
        title="Methods of intervention",
        caption=caption(spec),
        columns=[*leading, *(tables.Column(METRICS[metric]) for metric in shown)],
        rows=rows,
        labels=len(leading),
    )


def caption(spec: Spec) -> str:
    """What the table shows and how it was computed."""
    targets = list(dict.fromkeys(target for row in spec.compared for target in row.conditions))
    spread = f"means ± standard errors of the mean over {len(targets)} targets" if len(targets) > 1 else "values"
    return (
        f"What methods of intervention on a target language ({', '.join(targets)}) do: {spread}. Distance: mean cosine "
        f"distance over all cross-language sentence pairs of {len(spec.languages)} languages; centred, of mean-centred "
        f"embeddings. Retrieval: top-1 accuracy by {spec.similarity.replace('_', ' ')} with the target as query, over "
        "all candidate languages. Paraphrases: the same for paraphrases in the target. Language ID: share of generated "
        "sentences in the target. Log perplexity: of text in the target, in nats a token; methods compare at the same. "
        "The last two of the study's own intervention are there if its number of experts is among sweep.ks."
    )


def read_kind(paths: list[Path], columns: list[str]) -> pd.DataFrame:
    """Observations of one kind of metric, none if there are no files."""
    return read_metrics(paths, columns) if paths else pd.DataFrame(columns=["model", "condition", "target", *columns])


def main(command: list[str] | None = None) -> None:
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "distances...": "distances between languages, one CSV a condition",
            "retrieval...": "accuracies of retrieval, one CSV a condition",
            "paraphrase[...]": "paraphrase retrieval, one CSV a condition but the base",
            "language-id[...]": "languages of generated sentences, one CSV a sweep",
            "perplexity[...]": "perplexity, one CSV a sweep",
        },
        outputs=tables.OUTPUTS,
        command=command,
    )
    metrics = {kind: read_kind(getattr(files, kind), columns) for kind, columns in KINDS.items()}
    # The unintervened model's paraphrases stand in the files of all interventions.
    pre = metrics["paraphrase"]
    pre = pre[pre["space"] == "pre"].drop_duplicates(["model", "similarity", "language"]).assign(condition=spec.base)
    metrics["paraphrase"] = pd.concat([metrics["paraphrase"], pre], ignore_index=True)
    summary = mean_over_targets(by_target(metrics, spec))
    tables.write(summary, as_table(summary, spec), files)


if __name__ == "__main__":
    stage.run(main)

"""Compare methods of intervention: distances, retrieval, paraphrases, generated language and perplexity under each."""

import dataclasses
import math
from argparse import Namespace
from pathlib import Path

import pandas as pd
from pydantic import Field

from workflow_scripts.config.fields import LanguageCode
from workflow_scripts.config.settings import ShownSimilarity, SpaceLanguages
from workflow_scripts.config.specs import ResampledSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import read_metrics
from workflow_scripts.tables import layout
from workflow_scripts.tables.comparison import COST, KINDS, METRICS, ROW, Compared, Space, by_target, matched
from workflow_scripts.tables.contrasts import contrasts
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.shown_models import BASE_ROW, CONSTANT_ROW, OWN_ROW, without_text
from workflow_scripts.tables.specs import PooledSpec

DECIMALS = {"distance": 3, "centred_distance": 3, "retrieval": 3}  # since methods differ in the third decimal


class Spec(PooledSpec, ResampledSpec):
    """What the table depends on, beside its files."""

    compared: list[Compared] = Field(min_length=1, description="The rows.")
    base: str = Field(description="Slug of the condition that changes nothing.")
    languages: SpaceLanguages
    paraphrased: list[LanguageCode] = Field(description="Targets of which there are paraphrases.")
    similarity: ShownSimilarity

    @property
    def space(self) -> Space:
        """Return what the comparison is over."""
        return Space(self.base, self.languages, self.paraphrased, self.similarity)


def compare(metrics: dict[str, pd.DataFrame], spec: Spec) -> pd.DataFrame:
    """Return mean and standard error over targets, SD / √n with n − 1 in the SD, of each row and metric.

    And, as `contrasts` has them, differences from the unintervened model and from the study's own intervention. Rows at
    matched perplexity follow their method's others; targets whose perplexity a method does not reach are not in
    their means.
    """
    values = by_target(metrics, spec.compared, spec.space)
    at_perplexity = matched(values, spec.poolings)
    # The strength of a matched row is a mean over targets, like its other numbers.
    strengths = at_perplexity.groupby(["model", "pooling", "method"], dropna=False)["strength"].transform("mean")
    tables_of = [_over_targets(values), _over_targets(at_perplexity.assign(strength=strengths))]
    both = pd.concat([each for each in tables_of if len(each)], ignore_index=True)
    place = {key: row for row, key in enumerate(dict.fromkeys(_keys(both)))}
    order = pd.Series(
        [place[key] for key in _keys(both)]
    )  # one place per method; a stable sort leaves matched rows last
    both = both.loc[order.sort_values(kind="stable").index].reset_index(drop=True)
    return both.drop(columns="values").join(contrasts(both, spec.poolings, spec.resampling))


def _keys(frame: pd.DataFrame) -> list[tuple]:
    return list(frame[["model", "pooling", "method"]].astype(str).itertuples(index=False, name=None))


def _over_targets(values: pd.DataFrame) -> pd.DataFrame:
    """Return means over targets, and in the column `values` what was measured by target."""
    groups = values.groupby([*ROW, "metric"], sort=False, dropna=False)
    summary = groups["value"].agg(mean="mean", sem="sem", targets="count").reset_index()
    return summary.assign(values=[dict(zip(rows["target"], rows["values"], strict=True)) for _, rows in groups])


def as_table(summary: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row for each row of the comparison, a column for each metric that was measured at all."""
    shown = [metric for metric in METRICS if (summary["metric"].eq(metric) & summary["targets"].gt(0)).any()]
    rows = []
    for (model, pooling, method, strength, is_matched), row in summary.groupby(ROW, sort=False, dropna=False):
        of_metric = row.set_index("metric")
        rows.append(
            [
                *layout.label_cells(
                    spec.labels[model],
                    pooling if isinstance(pooling, str) else "",
                    spec.poolings,
                    method.replace("_", " "),
                ),
                _strength_cell(method, strength, is_matched),
                *(value_cell(of_metric.loc[metric], DECIMALS.get(metric, 2)) for metric in shown),
            ]
        )
    labels = layout.label_columns(spec.poolings, "Method", "Strength")
    return layout.Table(
        title="Methods of intervention",
        caption=caption(spec, shown),
        columns=[*labels, *(layout.Column(METRICS[metric]) for metric in shown)],
        rows=rows,
        labels=len(labels),
        gray_means=f"the {100 * spec.resampling.confidence:g}% interval of the difference from {BASE_ROW} holds 0",
    )


def _strength_cell(method: str, strength: float, is_matched: bool) -> layout.Cell:
    if is_matched:
        return layout.Cell("matched" if math.isnan(strength) else f"matched: {strength:.2f}", value=strength)
    return layout.Cell("" if method in (BASE_ROW, CONSTANT_ROW) else f"{strength:g}", value=strength)


def value_cell(observed: pd.Series, decimals: int) -> layout.Cell:
    """Return a mean with its standard error, gray where it differs from the unintervened model's by chance alone."""
    if not observed["targets"]:
        return layout.Cell("–", value=math.nan)
    unchanged = observed["from_none_low"] <= 0 <= observed["from_none_high"]  # False where there is no interval
    return dataclasses.replace(layout.mean_cell(observed["mean"], observed["sem"], decimals), gray=bool(unchanged))


def caption(spec: Spec, shown: list[str]) -> str:
    """Return what the table shows and how it was computed; `shown` are the metrics that have a column."""
    targets = list(dict.fromkeys(target for row in spec.compared for target in row.conditions))
    spread = f"means ± standard errors of the mean over {len(targets)} targets" if len(targets) > 1 else "values"
    swept = [name for name, metric in SWEPT.items() if metric in shown]
    matched_rows = (
        "Matched: at the strength, interpolated between those measured and none at all, at which text of the target is "
        "as perplexing as under the study's own intervention; – where a method never reaches that."
    )
    own = f"{' and '.join(swept)} of the study's own are there if its number of experts is among sweep.ks."
    return " ".join(
        [
            f"What methods of intervention on a target language ({', '.join(targets)}) do: {spread}.",
            f"{OWN_ROW.capitalize()} is the study's own; the constant is a vector of the size of its mean change, "
            "added to every embedding of the unintervened model.",
            *(_described(metric, spec) for metric in shown),
            *([matched_rows] if COST in shown else []),
            *([own] if swept else []),
            "The CSV has the differences from the unintervened model and from the study's own intervention, means over "
            "languages with bootstrap intervals over languages.",
            *filter(None, [without_text(spec.models)]),
        ]
    )


SWEPT = {"Language ID": "language_id", "Perplexity": COST}  # what is measured where numbers of experts are swept


def _described(metric: str, spec: Spec) -> str:
    """What a metric is, in a sentence."""
    return {
        "distance": "Distance: mean cosine distance over all cross-language sentence pairs of "
        f"{len(spec.languages)} languages.",
        "centred_distance": "Centred distance: the same of mean-centred embeddings.",
        "retrieval": f"Retrieval: top-1 accuracy by {spec.similarity.replace('_', ' ')} with the target as query, over "
        "all candidate languages.",
        "paraphrase": "Paraphrases: the same for paraphrases in the target.",
        "language_id": "Language ID: share of generated sentences in the target.",
        "ngram_log_perplexity": "N-gram log perplexity: of these sentences under a model of real text in the target, "
        "in nats a character.",
        "distinct_trigrams": "Distinct trigrams: share of their trigrams of words that are different from all before.",
        "log_perplexity": "Log perplexity: of text in the target, in nats a token.",
    }[metric]


def read_kind(paths: list[Path], columns: list[str]) -> pd.DataFrame:
    """Return observations of one kind of metric, none if there are no files."""
    return read_metrics(paths, columns) if paths else pd.DataFrame(columns=["model", "condition", "target", *columns])


def read(spec: Spec, files: Namespace) -> pd.DataFrame:
    """Return the numbers of the table from the metric CSVs."""
    metrics = {kind: read_kind(getattr(files, kind), columns) for kind, columns in KINDS.items()}
    # The unintervened model's paraphrases stand in the files of all interventions.
    pre = metrics["paraphrase"]
    pre = pre[pre["space"] == "pre"].drop_duplicates(["model", "similarity", "language"]).assign(condition=spec.base)
    metrics["paraphrase"] = pd.concat([metrics["paraphrase"], pre], ignore_index=True)
    return compare(metrics, spec)


main = table_stage(
    Spec,
    __doc__,
    {
        "distances...": "distances between languages, one CSV per condition",
        "retrieval...": "accuracies of retrieval, one CSV per condition",
        "alignment...": "measures of alignment under the study's own intervention, one CSV per condition",
        "paraphrase[...]": "paraphrase retrieval, one CSV per intervention",
        "language-id[...]": "languages of generated sentences, one CSV per sweep",
        "perplexity[...]": "perplexity, one CSV per sweep",
    },
    read,
    as_table,
)


if __name__ == "__main__":
    stage.run(main)

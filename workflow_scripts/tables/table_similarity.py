"""Correlations of the similarity of languages with retrieval, distance, ABX and transfer, and with their changes."""

import math
from argparse import Namespace
from collections.abc import Iterator

import numpy as np
import pandas as pd

from workflow_scripts.config.settings import ShownDistance, ShownSimilarity
from workflow_scripts.config.specs import ResampledSpec, SpaceSpec
from workflow_scripts.jobs import stage
from workflow_scripts.kinship.outcomes import (
    Outcome,
    outcomes_of,
    read_abx,
    read_distances,
    read_measured,
    read_retrieval,
    read_transfer,
    similarities_of,
)
from workflow_scripts.kinship.pair_correlations import COEFFICIENTS, correlate_pairs
from workflow_scripts.measures import registry
from workflow_scripts.tables import layout
from workflow_scripts.tables.kinship_outcomes import (
    ABX,
    INPUTS,
    MEASURES,
    ROW,
    TRANSFER,
    outcome_cells,
    outcome_columns,
)
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import TargetsSpec

SHOWN = {"pearson": layout.Cell("r", latex="$r$"), "spearman": layout.Cell("ρ")}


class Spec(TargetsSpec, SpaceSpec, ResampledSpec):
    """What the table depends on, beside its files."""

    similarity: ShownSimilarity
    measure: ShownDistance


def correlations(measured: pd.DataFrame, observed: list[pd.DataFrame], spec: Spec) -> pd.DataFrame:
    """Return one row per model, outcome, coefficient and measure of similarity.

    Its columns are model, outcome, quantity (pre, or the change: post − pre), pooling, target, coefficient, measure,
    value, ci_low, ci_high, pairs (ordered), languages and resamples.

    Raises:
        StudyError: an observation is missing.
    """
    return pd.DataFrame([row for model in spec.models for row in _of_model(model.name, measured, observed, spec)])


def _of_model(model: str, measured: pd.DataFrame, observed: list[pd.DataFrame], spec: Spec) -> Iterator[dict]:
    similarities = similarities_of(measured, model, spec.languages)
    outcomes: list[Outcome] = list(outcomes_of(model, observed, spec.poolings, spec.targets, spec.languages))
    found = correlate_pairs(
        np.stack(list(similarities.values())),
        np.stack([outcome.values for outcome in outcomes]),
        spec.resampling,
    )
    for column, outcome in enumerate(outcomes):
        for number, coefficient in enumerate(COEFFICIENTS):
            for row, measure in enumerate(similarities):
                place = number, row, column
                yield {
                    "model": model,
                    **outcome.key,
                    "coefficient": coefficient,
                    "measure": measure,
                    "value": found.values[place],
                    "ci_low": found.low[place],
                    "ci_high": found.high[place],
                    "pairs": found.pairs[row, column],
                    "languages": found.languages[row, column],
                    "resamples": found.resamples[place],
                }


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row for each model, outcome and coefficient; a column for each measure of similarity."""
    measures = list(dict.fromkeys(tidy["measure"]))
    rows = []
    for key, of_row in tidy.groupby([*ROW, "coefficient"], sort=False, dropna=False):
        model, outcome, quantity, pooling, target, coefficient = key
        by_measure = {
            row.measure: layout.interval_cell(row.value, row.ci_low, row.ci_high) for row in of_row.itertuples()
        }
        rows.append(
            [
                *outcome_cells(spec.labels[model], outcome, quantity, pooling, target, spec.poolings),
                SHOWN[coefficient],
                *(by_measure.get(measure, layout.number_cell(math.nan)) for measure in measures),
            ]
        )
    heads = [*outcome_columns(spec.poolings), layout.Column("")]
    return layout.Table(
        title="Correlations with the similarity of languages",
        caption=caption(spec, int(tidy["resamples"].max())),
        columns=[*heads, *(layout.Column(measure.capitalize()) for measure in measures)],
        rows=rows,
        labels=len(heads),
        gray_means=f"the {100 * spec.resampling.confidence:g}% interval holds 0",
    )


def caption(spec: Spec, resamples: int) -> str:
    """Return what the table shows and how it was computed."""
    intervals = layout.bootstrap_intervals(spec.resampling.confidence, resamples)
    return (
        f"Pearson (r) and Spearman (ρ) correlations of similarity of languages with top-1 retrieval accuracy (by "
        f"{spec.similarity.replace('_', ' ')}) and with distance (the "
        f"{registry.distances()[spec.measure].description}) and ABX scores on {spec.dataset}, and with scores of "
        "probes trained in one language and tested in the other where these were measured: without an intervention "
        "(pre), and their change (post − pre) by the intervention on experts of the "
        f"target; over the ordered pairs of {len(spec.languages)} languages. {MEASURES} "
        + (
            f"In brackets: {intervals}, if at least five languages are known and no more than "
            f"{100 * (1 - spec.resampling.confidence):.3g}% of the resamples have a side that is constant. "
            if resamples
            else ""
        )
        + "NA: undefined, since fewer than three languages are known or one side is constant."
    )


def read(spec: Spec, files: Namespace) -> pd.DataFrame:
    """Return the numbers of the table from similarities and metric CSVs."""
    observed = [
        read_retrieval(files.retrieval, spec.similarity),
        read_distances(files.distances, spec.measure),
        read_abx(files.abx),
        read_transfer(files.transfer),
    ]
    return correlations(read_measured(files.similarities), observed, spec)


main = table_stage(
    Spec,
    __doc__,
    {
        **INPUTS,
        "distances...": "distances between languages, one CSV per condition, that of the unintervened model too",
        **ABX,
        **TRANSFER,
    },
    read,
    as_table,
)


if __name__ == "__main__":
    stage.run(main)

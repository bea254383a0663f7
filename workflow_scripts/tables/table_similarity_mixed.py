"""How much each similarity of languages explains of retrieval, ABX, transfer and their change, by a mixed model."""

import math

import numpy as np
import pandas as pd

from workflow_scripts.config.settings import Confidence, ShownSimilarity
from workflow_scripts.config.specs import SpaceSpec
from workflow_scripts.jobs import stage
from workflow_scripts.kinship.mixed import DEVIATIONS, fit_mixed_model
from workflow_scripts.kinship.outcomes import (
    outcomes_of,
    read_abx,
    read_measured,
    read_retrieval,
    read_transfer,
    similarities_of,
)
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

POINTS = 100  # a perfect accuracy, in the points that cells show


class Spec(TargetsSpec, SpaceSpec):
    """What the table depends on, beside its files."""

    similarity: ShownSimilarity
    confidence: Confidence


def coefficients(measured: pd.DataFrame, observed: list[pd.DataFrame], spec: Spec) -> pd.DataFrame:
    """Return one row per model, outcome and measure of similarity.

    Its columns are model, outcome, quantity (pre, or the change: post − pre), pooling, target, measure, coefficient,
    ci_low, ci_high, then of the whole model sd_query, sd_candidate, sd_pair, sd_residual, pairs (ordered), languages
    and note, which says why there is no model.

    Raises:
        StudyError: an observation is missing.
    """
    rows = []
    for model in spec.models:
        similarities = similarities_of(measured, model.name, spec.languages)
        stacked = np.stack(list(similarities.values()))
        for outcome in outcomes_of(model.name, observed, spec.poolings, spec.targets, spec.languages):
            found = fit_mixed_model(outcome.values, stacked, spec.confidence)
            whole = {f"sd_{name}": found.deviations.get(name, math.nan) for name in DEVIATIONS}
            whole |= {"pairs": found.pairs, "languages": found.languages, "note": found.note}
            for place, measure in enumerate(similarities):
                ends = {"ci_low": found.low[place], "ci_high": found.high[place]}
                of_measure = {"measure": measure, "coefficient": found.coefficients[place], **ends}
                rows.append({"model": model.name, **outcome.key, **of_measure, **whole})
    return pd.DataFrame(rows)


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row per model and outcome; a column per coefficient and per standard deviation, in points."""
    measures = list(dict.fromkeys(tidy["measure"]))
    rows = []
    for key, of_row in tidy.groupby(ROW, sort=False, dropna=False):
        model, outcome, quantity, pooling, target = key
        shown = {
            row.measure: layout.interval_cell(*(POINTS * value for value in (row.coefficient, row.ci_low, row.ci_high)))
            for row in of_row.itertuples()
        }
        first = of_row.iloc[0]
        rows.append(
            [
                *outcome_cells(spec.labels[model], outcome, quantity, pooling, target, spec.poolings),
                *(shown.get(measure, layout.Cell("NA", value=math.nan)) for measure in measures),
                *(layout.number_cell(POINTS * first[f"sd_{name}"]) for name in DEVIATIONS),
                layout.Cell(f"{first['pairs']:,}", value=first["pairs"]),
                layout.Cell(first["note"]),
            ]
        )
    heads = outcome_columns(spec.poolings)
    return layout.Table(
        title="Retrieval, ABX scores and transfer explained by the similarity of languages",
        caption=caption(spec),
        columns=[
            *heads,
            *(layout.Column(measure.capitalize(), group="Coefficient") for measure in measures),
            *(layout.Column(name.capitalize(), group="Standard deviation") for name in DEVIATIONS),
            layout.Column("Pairs"),
            layout.Column("No model, since"),
        ],
        rows=rows,
        labels=len(heads),
        gray_means=f"the {100 * spec.confidence:g}% interval holds 0",
    )


def caption(spec: Spec) -> str:
    """Return what the table shows and how it was computed."""
    return (
        "Linear mixed models of top-1 retrieval accuracy as it is (by "
        f"{spec.similarity.replace('_', ' ')}) and of ABX scores on {spec.dataset}, and of scores of probes trained "
        "in one language and tested in another where these were measured, without an intervention (pre), and of "
        "their change (post − pre) by the intervention on experts of the target, over the ordered pairs of "
        f"{len(spec.languages)} languages; in points, of which a perfect score has {POINTS}. All similarities "
        "together are fixed effects, each in standard deviations over the pairs; query, candidate and unordered pair "
        "(of transfer: the languages of training and test, and their pair) have random intercepts (restricted maximum "
        f"likelihood). {MEASURES} In brackets: "
        f"{100 * spec.confidence:g}% Wald intervals. NA: not known or constant, or no model."
    )


main = table_stage(
    Spec,
    __doc__,
    {**INPUTS, **ABX, **TRANSFER},
    read=lambda spec, files: coefficients(
        read_measured(files.similarities),
        [read_retrieval(files.retrieval, spec.similarity), read_abx(files.abx), read_transfer(files.transfer)],
        spec,
    ),
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)

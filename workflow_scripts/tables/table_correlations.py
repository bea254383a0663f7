"""Table 2: correlations over candidate languages between retrieval accuracy and distance to the query language."""

import math

import pandas as pd

from workflow_scripts.config.settings import CandidateSet, ShownDistance, ShownSimilarity
from workflow_scripts.config.specs import ResampledSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures import registry
from workflow_scripts.measures.metric_files import grid, read_metrics, select
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.specs import TargetsSpec

SIGNIFICANCE_LEVEL = 0.05
CORRELATIONS = {
    "acc_post~d_post": layout.Column(
        "r(acc_post, d_post)", latex=r"$r(\mathrm{acc}_{\mathrm{post}}, d_{\mathrm{post}})$"
    ),
    "acc_pre~d_pre": layout.Column("r(acc_pre, d_pre)", latex=r"$r(\mathrm{acc}_{\mathrm{pre}}, d_{\mathrm{pre}})$"),
    "d_post~d_pre": layout.Column("r(d_post, d_pre)", latex=r"$r(d_{\mathrm{post}}, d_{\mathrm{pre}})$"),
    "delta_acc~delta_d": layout.Column(
        "r(Δacc, d_pre − d_post)", latex=r"$r(\Delta\mathrm{acc}, d_{\mathrm{pre}} - d_{\mathrm{post}})$"
    ),
}
CANDIDATES = {"seen": "the candidate languages seen in pre-training", "all": "all candidate languages"}
KEY = ["model", "pooling", "similarity", "measure", "query", "candidates_set", "correlation"]
VALUES = ["r", "ci_low", "ci_high", "p_value", "candidates", "resamples"]


class Spec(TargetsSpec, ResampledSpec):
    """What Table 2 depends on, beside its files."""

    similarity: ShownSimilarity
    measure: ShownDistance
    candidates_set: CandidateSet


def of_targets(correlations: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return the correlations where query and intervention target are one language, in every reading, in the order of
    the spec.

    Raises:
        StudyError: a correlation that the paper-shaped table shows is missing, or one is there twice.
    """
    readings = {name: list(correlations[name].unique()) for name in ("similarity", "measure", "candidates_set")}
    shown = {"similarity": spec.similarity, "measure": spec.measure, "candidates_set": spec.candidates_set}
    select(correlations, _wanted(spec, **{name: [value] for name, value in shown.items()}), "correlations")
    everything = _wanted(spec, **readings)
    there = everything.merge(correlations[list(everything.columns)].drop_duplicates())
    return select(correlations, there, "correlations")[[*KEY, *VALUES]]


def _wanted(spec: Spec, similarity: list[str], measure: list[str], candidates_set: list[str]) -> pd.DataFrame:
    wanted = grid(
        model=spec.model_names,
        pooling=spec.poolings,
        similarity=similarity,
        measure=measure,
        query=spec.targets,
        candidates_set=candidates_set,
        correlation=CORRELATIONS,
    )
    return wanted.assign(target=wanted["query"], units="expert")


def correlation_cell(r: float, ci_low: float, ci_high: float, p_value: float) -> layout.Cell:
    """Return a coefficient and its interval as the paper shows them; gray unless significant, NA where undefined."""
    if math.isnan(r):
        return layout.Cell("NA", value=r)
    shown, low, high = (layout.number(value) for value in (r, ci_low, ci_high))
    return layout.Cell(
        f"{shown} [{low} {high}]",
        latex=rf"${shown}$ [${low}$ ${high}$]".replace("$NA$", "NA"),
        value=r,
        gray=not p_value <= SIGNIFICANCE_LEVEL,
    )


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Return the paper's Table 2: a row for each model and query language, a column for each correlation."""
    shown = tidy[
        (tidy["similarity"] == spec.similarity)
        & (tidy["measure"] == spec.measure)
        & (tidy["candidates_set"] == spec.candidates_set)
    ]
    cells = {
        (row.model, row.pooling, row.query, row.correlation): correlation_cell(
            row.r, row.ci_low, row.ci_high, row.p_value
        )
        for row in shown.itertuples()
    }
    rows = [
        [
            *layout.label_cells(spec.labels[model], pooling, spec.poolings, query),
            *(cells[model, pooling, query, correlation] for correlation in CORRELATIONS),
        ]
        for model, pooling, query in spec.rows
    ]
    labels = layout.label_columns(spec.poolings, "Query language")
    return layout.Table(
        title="Correlations of retrieval accuracy with distance",
        caption=caption(spec, shown.loc[shown["r"].notna(), "resamples"]),
        columns=[*labels, *CORRELATIONS.values()],
        rows=rows,
        labels=len(labels),
        gray_means=f"not statistically significant (p > {SIGNIFICANCE_LEVEL})",
    )


def caption(spec: Spec, defined: pd.Series) -> str:
    """Say what the table shows and how it was computed; `defined` has the resamples in which each r is defined."""
    drawn, confidence = spec.resampling.resamples, spec.resampling.confidence
    undefined = drawn - defined
    left_out = (
        f" Resamples in which a side is constant have no r and are left out: of {int((undefined > 0).sum())} of the "
        f"{len(defined)} correlations, {int(undefined.max()):,} of {drawn:,} at most. The interval is NA where they "
        f"are more than {100 * (1 - confidence):.3g}% (of {int((defined < confidence * drawn).sum())} correlations)."
        if (undefined > 0).any()
        else ""
    )
    return (
        f"Pearson correlations (r) over {CANDIDATES[spec.candidates_set]}, the query language excluded, between top-1 "
        f"retrieval accuracy (acc, by {spec.similarity.replace('_', ' ')}) and distance to the query language (d, the "
        f"{registry.distances()[spec.measure].description}). The query language is the intervention target; pre: "
        f"without, post: with the intervention on its experts. In brackets: "
        f"{layout.bootstrap_intervals(confidence, drawn)}.{left_out} p is that of Pearson's r by "
        "Student's t distribution, not the bootstrap's, so that an interval may hold 0 where p is small, or not hold "
        "it where p is large. NA: undefined, since one side is constant or languages are too few."
    )


main = table_stage(
    Spec,
    __doc__,
    {"correlations...": "correlations, one CSV per condition"},
    read=lambda spec, files: of_targets(read_metrics(files.correlations, [*KEY[2:], *VALUES]), spec),
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)

"""How what the intervention does depends on the mixture of languages that a model was trained on, and on its seed."""

import math

import pandas as pd
from pydantic import Field

from workflow_scripts.config.settings import Confidence
from workflow_scripts.jobs import stage
from workflow_scripts.tables import layout
from workflow_scripts.tables.mixture_regressions import PREDICTORS, observed, regress
from workflow_scripts.tables.mixtures import OUTCOMES, TrainedOnMixture
from workflow_scripts.tables.run import read_table, table_stage
from workflow_scripts.tables.specs import PooledSpec


class Spec(PooledSpec):
    """What the table depends on, beside its files."""

    models: list[TrainedOnMixture] = Field(min_length=1)
    confidence: Confidence


def regressions(table: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per pooling, outcome and predictor.

    Its columns are pooling, outcome, predictor, coefficient, ci_low and ci_high, then of the whole regression
    sd_mixtures, sd_seeds, observations, models and note, which says why there are no coefficients.
    """
    rows = []
    for pooling in spec.poolings:
        for outcome in OUTCOMES:
            found = regress(observed(table, outcome, pooling), spec.models, spec.confidence)
            whole = {
                "sd_mixtures": found.mixture_deviation,
                "sd_seeds": found.seed_deviation,
                "observations": found.observations,
                "models": found.models,
                "note": found.note,
            }
            for predictor in PREDICTORS:
                value, low, high = found.coefficients.get(predictor, (math.nan,) * 3)
                estimate = {"coefficient": value, "ci_low": low, "ci_high": high}
                rows.append({"pooling": pooling, "outcome": outcome, "predictor": predictor, **estimate, **whole})
    return pd.DataFrame(rows)


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row per pooling and outcome, a column per predictor."""
    rows = []
    for (pooling, outcome), of_row in tidy.groupby(["pooling", "outcome"], sort=False):
        first = of_row.iloc[0]
        if first["note"] == "not measured":
            continue
        rows.append(
            [
                layout.Cell(OUTCOMES[outcome].label),
                *layout.pooling_cells(pooling, spec.poolings),
                *(layout.interval_cell(row.coefficient, row.ci_low, row.ci_high, 3) for row in of_row.itertuples()),
                *(layout.number_cell(first[name], 3) for name in ("sd_mixtures", "sd_seeds")),
                *(layout.Cell(str(first[name]), value=first[name]) for name in ("observations", "models")),
                layout.Cell(first["note"]),
            ]
        )
    poolings = layout.pooling_columns(spec.poolings)
    return layout.Table(
        title="What of the intervention follows the mixture of languages",
        caption=caption(spec),
        columns=[
            layout.Column("Outcome"),
            *poolings,
            *(layout.Column(label, group="Coefficient") for label in PREDICTORS.values()),
            layout.Column("mixtures", group="Standard deviation over"),
            layout.Column("seeds", group="Standard deviation over"),
            layout.Column("Observations"),
            layout.Column("Models"),
            layout.Column("No coefficients, since"),
        ],
        rows=rows,
        labels=1 + len(poolings),
        gray_means=f"the {100 * spec.confidence:g}% interval holds 0",
    )


def caption(spec: Spec) -> str:
    """Return what the table shows and how it was computed."""
    return (
        "Linear regressions (ordinary least squares) over models and targets of the changes by the intervention, "
        "and of what is measured of the experts: by how much an outcome is higher when the target has ten times the "
        "share of the training tokens, when the target was never seen rather than having an even share, and per nat "
        "by which the entropy of the mixture is below that of even shares; targets and seeds have coefficients of "
        f"their own. In brackets: {100 * spec.confidence:g}% intervals, errors being clustered by model. Standard "
        "deviations: over mixtures, of means over targets and seeds; over seeds, of one mixture and target. NA: "
        "does not vary."
    )


main = table_stage(
    Spec,
    __doc__,
    {"mixtures": "the table of outcomes by model and target (CSV)"},
    read=lambda spec, files: regressions(read_table(files.mixtures, ["model", "target", "pooling"]), spec),
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)

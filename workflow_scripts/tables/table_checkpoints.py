"""Distance, retrieval, MEXA and ABX scores of trained models after each kept step of their training."""

import pandas as pd
from pydantic import Field

from workflow_scripts.config.settings import ModelName
from workflow_scripts.config.specs import ResampledSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures.compared import COMPARED, Averaging, compared_matrices, definitions, read_compared
from workflow_scripts.tables import layout
from workflow_scripts.tables.run import table_stage
from workflow_scripts.tables.shown_models import Model
from workflow_scripts.tables.specs import PivotedSpec


class TrainedModel(stage.Spec):
    """A model and its checkpoints."""

    model: Model
    steps: list[tuple[ModelName, int]] = Field(
        min_length=1, description="Name of the model at each step, and the step, ascending."
    )


class Spec(PivotedSpec, ResampledSpec):
    """What the table depends on, beside its files."""

    models: list[TrainedModel] = Field(min_length=1)
    layer: str = Field(description="Layer whose output the embeddings are.")


def by_step(observations: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per model, step and measure: model, checkpoint, step, measure, value, ci_low, ci_high, resamples.

    Raises:
        StudyError: an observation is missing.
    """
    averaging = Averaging(spec.languages.index(spec.pivot), spec.resampling)
    rows = []
    for trained in spec.models:
        wanted = pd.DataFrame({"model": [name for name, _ in trained.steps]}).assign(units="none", layer=spec.layer)
        spaces = compared_matrices(observations, wanted, spec.languages)
        for (name, step), space in zip(trained.steps, spaces, strict=True):
            for measure, values in zip(COMPARED, space, strict=True):
                found = averaging(measure, values)
                key = {"model": trained.model.name, "checkpoint": name, "step": step, "measure": measure}
                interval = {"ci_low": found.ci_low, "ci_high": found.ci_high, "resamples": found.resamples}
                rows.append({**key, "value": found.mean, **interval})
    return pd.DataFrame(rows)


def as_table(tidy: pd.DataFrame, spec: Spec) -> layout.Table:
    """Lay out a row for each model and step, a column for each measure."""
    by_key = {(row.checkpoint, row.measure): row for row in tidy.itertuples()}
    rows = [
        [
            layout.Cell(trained.model.label),
            layout.Cell(f"{step:,}", value=step),
            *(
                layout.interval_cell(row.value, row.ci_low, row.ci_high, decimals=3, gray=False)
                for row in (by_key[name, measure] for measure in COMPARED)
            ),
        ]
        for trained in spec.models
        for name, step in trained.steps
    ]
    return layout.Table(
        title="Steps of the training",
        caption=(
            f"Measures on {spec.dataset} after so many optimiser steps, without an intervention. "
            f"{definitions(spec.pivot_name)} In brackets: "
            f"{layout.bootstrap_intervals(spec.resampling.confidence, spec.resampling.resamples)}."
        ),
        columns=[
            *(layout.Column("Model"), layout.Column("Step")),
            *(layout.Column(measure.label) for measure in COMPARED.values()),
        ],
        rows=rows,
        labels=2,
    )


main = table_stage(
    Spec,
    __doc__,
    {"metrics...": "alignment.csv and abx.csv of the models at each step, without an intervention"},
    read=lambda spec, files: by_step(read_compared(files.metrics), spec),
    as_table=as_table,
)


if __name__ == "__main__":
    stage.run(main)

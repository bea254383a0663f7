"""Distance, retrieval, MEXA and ABX scores of a trained model after each kept step of its training."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pydantic import Field

from workflow_scripts.config.settings import Confidence, DatasetName
from workflow_scripts.figures import drawing
from workflow_scripts.figures.lines import measure_panels
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.jobs import stage
from workflow_scripts.measures.compared import COMPARED, definitions
from workflow_scripts.measures.metric_files import grid, select
from workflow_scripts.tables.run import read_table
from workflow_scripts.tables.shown_models import Model

LINE = {**drawing.LINE, "color": drawing.POST_COLOUR, "marker": "o"}


class Spec(stage.Spec):
    """What the figure depends on, beside its files."""

    model: Model
    steps: list[int] = Field(min_length=1, description="Optimiser steps, ascending; the last is the model's.")
    pivot_name: str = Field(description="Name of MEXA's pivot language, for the caption.")
    dataset: DatasetName
    confidence: Confidence


def points(table: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per point: model, step, measure, value, ci_low and ci_high.

    Raises:
        StudyError: the table lacks one.
    """
    wanted = grid(model=[spec.model.name], step=spec.steps, measure=list(COMPARED))
    return select(table, wanted, "measures by step")[[*wanted.columns, "value", "ci_low", "ci_high"]]


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """Draw a panel for each measure, a line with a band for its interval; steps are equally far apart."""
    figure, axes = measure_panels([""], spec.model.label)
    positions = np.arange(len(spec.steps))
    for measure in COMPARED:
        axis, mine = axes["", measure], drawn[drawn["measure"] == measure].set_index("step").loc[spec.steps]
        axis.fill_between(positions, mine["ci_low"], mine["ci_high"], color=LINE["color"], alpha=0.18, linewidth=0)
        axis.plot(positions, mine["value"], **LINE)
        axis.set_xticks(positions, [str(step) for step in spec.steps])
        axis.set_xlabel("Optimiser step")
    return figure


def caption(spec: Spec) -> str:
    """Return what the figure shows and how it was computed."""
    return (
        f"Measures on {spec.dataset} of {spec.model.label} after so many optimiser steps, without an intervention, and "
        f"their {100 * spec.confidence:g}% bootstrap intervals over languages. {definitions(spec.pivot_name)} "
        "Steps are spaced equally."
    )


main = figure_stage(
    Spec,
    __doc__,
    {"checkpoints": "the table by step (CSV)"},
    read=lambda spec, files: points(read_table(files.checkpoints, ["model"]), spec),
    draw=draw,
    describe=lambda drawn, spec: ("Steps of the training", caption(spec)),
)


if __name__ == "__main__":
    stage.run(main)

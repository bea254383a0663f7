"""Scores of probes for every language of training and of test, and their change by the intervention on each target."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from pydantic import Field

from workflow_scripts.figures import drawing
from workflow_scripts.figures.heat_maps import OUTLINE, heat_map, plain_axes
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.figures.specs import PanelsSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import grid, pair_matrix, pre_and_post, read_metrics
from workflow_scripts.probes.tasks import LABELS, MEASURES, Task, explained
from workflow_scripts.tables.shown_models import Panel

INCHES_PER_LANGUAGE = 0.13
LEAST_INCHES = 1.3  # of a panel
SCORE_COLOURS = "Greys"


class Spec(PanelsSpec):
    """What the figure depends on, beside its files."""

    tasks: list[Task] = Field(min_length=1, description="What probes tell; a row of panels per task.")


def scores_of_pairs(transfer: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per coloured cell: model, pooling, target, task, train, test, measure, pre, post and change.

    Raises:
        StudyError: an observation is missing.
    """
    wanted = pd.concat(
        [
            grid(
                model=[panel.model.name],
                pooling=spec.poolings,
                target=[panel.target],
                task=[task.name],
                train=task.languages,
                test=task.languages,
            ).assign(measure=MEASURES[task.name])
            for panel in spec.panels
            for task in spec.tasks
        ],
        ignore_index=True,
    )
    found = pre_and_post(transfer, wanted, "score", "scores of probes")
    return found.assign(change=found["post"] - found["pre"])


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """Draw a row of heat maps per task and pooling: scores before, then their changes, a column per target."""
    rows = [(task, pooling) for task in spec.tasks for pooling in spec.poolings]
    side = max(LEAST_INCHES, INCHES_PER_LANGUAGE * max(len(task.languages) for task in spec.tasks)) + 0.35
    figure, axes = drawing.grid(len(rows), 1 + len(spec.panels), side, side, beside=1.6)
    limit = float(drawn["change"].abs().max()) or 1.0
    for row, (task, pooling) in zip(axes, rows, strict=True):
        here = drawn[(drawn["task"] == task.name) & (drawn["pooling"] == pooling)]
        before = pair_matrix(here[here["target"] == spec.panels[0].target], "pre", task.languages)
        scores = draw_scores(row[0], before, task, spec.panels[0])
        of_pooling = f"\n{pooling} pooling" if len(spec.poolings) > 1 else ""
        row[0].set_ylabel(f"{LABELS[task.name]}{of_pooling}\ntrained in")
        bar = figure.colorbar(scores, ax=row[0], shrink=0.8, aspect=15, location="left", pad=0.12)
        bar.outline.set_visible(False)
        for axis, panel in zip(row[1:], spec.panels, strict=True):
            change = pair_matrix(here[here["target"] == panel.target], "change", task.languages)
            mesh = heat_map(axis, change, task.languages, panel, limit)
    axes[0, 0].set_title("Before")
    for axis, panel in zip(axes[0, 1:], spec.panels, strict=True):
        axis.set_title(panel.title, parse_math=False)
    for axis in axes[-1]:
        axis.set_xlabel("tested in")
    bar = figure.colorbar(mesh, ax=axes[:, 1:], label="Change of the score (post − pre)", shrink=0.6, aspect=30)
    bar.outline.set_visible(False)
    codes = list(dict.fromkeys(code for task in spec.tasks for code in task.languages))
    unseen = drawing.unseen_key(spec.models, codes)
    drawing.add_legend(figure, [Patch(**OUTLINE, label="intervention target"), *unseen])
    return figure


def draw_scores(axis: Axes, scores: np.ndarray, task: Task, panel: Panel) -> QuadMesh:
    """Draw scores [languages, languages], the higher the darker."""
    mesh = axis.pcolormesh(scores, cmap=SCORE_COLOURS, edgecolor="white", linewidth=0.25)
    plain_axes(axis)
    for direction in (axis.xaxis, axis.yaxis):
        positions = np.arange(len(task.languages)) + 0.5
        drawing.label_languages(direction, positions, task.languages, panel.model, bold="")
    return mesh


def caption(spec: Spec) -> str:
    """Return what the figure shows and how it was computed."""
    return (
        "Probes on frozen embeddings, trained in the language of the row and tested on held-out sentences of the "
        "language of the column, which are the same sentences in all. "
        f"{explained(spec.tasks)} First column: scores of the unintervened model, the darker the higher. Others: "
        f"their change (post − pre) by the intervention on experts of {spec.target_names}; blue: higher after it, "
        "red: lower, "
        "white: no change, on one scale. The row and the column of the target are outlined. Languages that the model "
        "has not seen in pre-training are red and have an asterisk."
    )


COLUMNS = ["task", "train", "test", "measure", "score"]
main = figure_stage(
    Spec,
    __doc__,
    {"transfer...": "scores of probes, one CSV per condition and data set, that of the unintervened model too"},
    read=lambda spec, files: scores_of_pairs(read_metrics(files.transfer, COLUMNS), spec),
    draw=draw,
    describe=lambda drawn, spec: ("Transfer between languages by light probes", caption(spec)),
)


if __name__ == "__main__":
    stage.run(main)

"""Scores of probes for every language of training and of test, and their change by the intervention on each target."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from pydantic import Field

from workflow_scripts.figures import drawing
from workflow_scripts.figures.heat_maps import OUTLINE, heat_map, outline_note, plain_axes
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.figures.specs import PanelsSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import grid, pair_matrix, pre_and_post, read_metrics
from workflow_scripts.probes.tasks import LABELS, MEASURES, Task, explained
from workflow_scripts.tables.shown_models import Panel

INCHES_PER_LANGUAGE = 0.1
LEAST_INCHES = 1.3  # of a panel
BESIDE = 1.2  # inches of the keys of both colours
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
    """Draw heat maps per task and pooling, as many beside each other as fit: scores before, then changes by target."""
    rows = [(task, pooling) for task in spec.tasks for pooling in spec.poolings]
    side = max(LEAST_INCHES, INCHES_PER_LANGUAGE * max(len(task.languages) for task in spec.tasks)) + 0.3
    figure, every, firsts, lasts = drawing.wrapped(len(rows), 1 + len(spec.panels), side, side, BESIDE)
    limit = float(drawn["change"].abs().max()) or 1.0
    changed = []
    for of_row, begins, (task, pooling) in zip(every, firsts, rows, strict=True):
        here = drawn[(drawn["task"] == task.name) & (drawn["pooling"] == pooling)]
        before = pair_matrix(here[here["target"] == spec.panels[0].target], "pre", task.languages)
        scores = draw_scores(of_row[0], before, task, spec.panels[0])
        of_row[0].set_title("Before")
        bar = figure.colorbar(scores, ax=of_row[0], shrink=0.8, aspect=15, location="left", pad=0.12)
        bar.outline.set_visible(False)
        of_pooling = f"\n{pooling} pooling" if len(spec.poolings) > 1 else ""
        for axis in begins:
            axis.set_ylabel(f"{LABELS[task.name]}{of_pooling}\ntrained in")
        for axis, panel in zip(of_row[1:], spec.panels, strict=True):
            change = pair_matrix(here[here["target"] == panel.target], "change", task.languages)
            mesh = heat_map(axis, change, task.languages, panel, limit)
            axis.set_title(panel.title, parse_math=False)
            changed.append(axis)
    for axis in lasts:
        axis.set_xlabel("tested in")
    bar = figure.colorbar(mesh, ax=changed, label="Change of the score (post − pre)", shrink=0.6, aspect=30)
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
    codes = [code for task in spec.tasks for code in task.languages]
    return drawing.joined(
        "Probes on frozen embeddings, trained in the language of the row and tested on held-out sentences of the "
        "language of the column, which are the same in all languages. "
        f"{explained(spec.tasks)} Gray panels: scores of the unintervened model, the darker the higher. Others: "
        f"their change (post − pre) by the intervention on experts of {spec.target_names}; blue: higher after it, "
        "red: lower, white: no change, on one scale.",
        outline_note(spec, codes),
        drawing.unseen_note(spec.models, codes),
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

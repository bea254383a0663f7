"""ABX discrimination of language and meaning for each language, before and after the intervention on each target."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from workflow_scripts.figures import drawing
from workflow_scripts.figures.abx_scores import COLUMNS, INPUTS, scores_of_pairs
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.figures.specs import SpacePanelsSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures.definitions.abx import TASKS
from workflow_scripts.measures.metric_files import read_metrics
from workflow_scripts.tables.shown_models import Panel

CHANCE = 0.5
MARKERS = {"language": "o", "meaning": "D"}
OFFSETS = {"language": -0.2, "meaning": 0.2}  # in distances between two neighbouring languages
INCHES_PER_LANGUAGE = 0.16


def scores_of_languages(scores: pd.DataFrame, spec: SpacePanelsSpec) -> pd.DataFrame:
    """Return one row per pair of marks: model, pooling, target, task, language, pre and post.

    A language's score is the mean over its pairs with the others, in both orders.

    Raises:
        StudyError: an observation is missing.
    """
    pairs = scores_of_pairs(scores, spec)
    sides = [
        pairs.rename(columns={side: "language"}).drop(columns=other)
        for side, other in (("first", "second"), ("second", "first"))
    ]
    key = ["model", "pooling", "target", "task", "language"]
    return pd.concat(sides).groupby(key, sort=False)[["pre", "post"]].mean().reset_index()


def draw(drawn: pd.DataFrame, spec: SpacePanelsSpec) -> Figure:
    """Draw axes per panel and pooling: two marks per language and task, joined by a line; chance is dashed."""
    height = 0.6 + INCHES_PER_LANGUAGE * len(spec.languages)
    figure, axes = drawing.panels(spec, 2.0, height, "ABX score", "Language", sharex=True)
    for axis, panel, pooling in drawing.each_panel(axes, spec):
        shown = drawing.of_panel(drawn, panel, pooling)
        draw_panel(axis, shown.set_index(["task", "language"]), panel, spec)
    lowest = drawn[["pre", "post"]].min(axis=None)
    axes[0, 0].set_xlim(min(CHANCE - 0.03, lowest - 0.03) if np.isfinite(lowest) else 0, 1.03)
    mark = {"markersize": 4.5, "linestyle": "none"}
    tasks = [
        Line2D([], [], color=drawing.MUTED_COLOUR, marker=MARKERS[task], label=f"{task} discrimination", **mark)
        for task in TASKS
    ]
    spaces = [
        Line2D([], [], color=drawing.PRE_COLOUR, marker="s", label="pre-intervention", **mark),
        Line2D([], [], color=drawing.POST_COLOUR, marker="s", label="post-intervention", **mark),
    ]
    drawing.add_legend(figure, [*tasks, *spaces, *drawing.unseen_key(spec.models, spec.languages)])
    return figure


def draw_panel(axis: Axes, scores: pd.DataFrame, panel: Panel, spec: SpacePanelsSpec) -> None:
    """Draw the marks of one panel, languages from top to bottom; `scores` has pre and post by task and language."""
    rows = np.arange(len(spec.languages))
    axis.axvline(CHANCE, color=drawing.MUTED_COLOUR, linewidth=0.7, linestyle="--", zorder=1)
    for task in TASKS:
        shown, heights = scores.loc[task].loc[spec.languages], rows + OFFSETS[task]
        axis.hlines(heights, shown["pre"], shown["post"], color=drawing.MUTED_COLOUR, linewidth=0.7, zorder=2)
        for space, colour in (("pre", drawing.PRE_COLOUR), ("post", drawing.POST_COLOUR)):
            axis.scatter(shown[space], heights, s=11, marker=MARKERS[task], color=colour, linewidth=0, zorder=3)
    axis.grid(axis="x")
    axis.set_ylim(len(spec.languages) - 0.4, -0.6)
    drawing.label_languages(axis.yaxis, rows, spec.languages, panel.model, bold=panel.target)


def caption(spec: SpacePanelsSpec) -> str:
    """Return what the figure shows and how it was computed."""
    return drawing.joined(
        f"ABX scores on {spec.dataset} before and after the intervention on experts of {spec.target_names}, for each "
        "language the mean over its pairs with the others. Circles, language discrimination: the share of "
        f"{TASKS['language']}. Diamonds, meaning discrimination: the share of {TASKS['meaning']}. By cosine distance, "
        "over all triples, ties counting half; dashed: chance. The target is in bold.",
        drawing.unseen_note(spec.models, spec.languages),
    )


main = figure_stage(
    SpacePanelsSpec,
    __doc__,
    INPUTS,
    read=lambda spec, files: scores_of_languages(read_metrics(files.abx, COLUMNS), spec),
    draw=draw,
    describe=lambda drawn, spec: ("ABX discrimination of language and meaning", caption(spec)),
)


if __name__ == "__main__":
    stage.run(main)

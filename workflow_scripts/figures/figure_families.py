"""Retrieval by family and script of the candidate, and by whether it is found at all: before and after, by target."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from workflow_scripts.config.settings import DatasetName, ShownSimilarity
from workflow_scripts.config.specs import ResampledSpec
from workflow_scripts.figures import drawing
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.figures.specs import PanelsSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import grid, select
from workflow_scripts.tables.groups import FOUND
from workflow_scripts.tables.run import read_table

FEWEST = 3  # languages of a group that is drawn; fewer have no interval
GAP = 0.6  # of a row, between groupings
ROW_HEIGHT = 0.17  # inches
WIDTH = 2.7  # inches of a panel
PRE = {"linestyle": "none", "marker": "o", "markersize": 3.6, "markerfacecolor": "white"}
PRE |= {"markeredgecolor": drawing.PRE_COLOUR, "markeredgewidth": 1.1}
POST = {"linestyle": "none", "marker": "o", "markersize": 3.6, "markeredgewidth": 0, "color": drawing.POST_COLOUR}
CHANGE = {"color": drawing.MUTED_COLOUR, "linewidth": 0.7}
INTERVAL = {"color": "black", "linewidth": 0.8}


class Spec(PanelsSpec, ResampledSpec):
    """What the figure depends on, beside its files."""

    dataset: DatasetName
    similarity: ShownSimilarity


def rows(table: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per panel and group of at least `FEWEST` languages, in the table's order.

    Columns: model, pooling, target, grouping, group, languages, pre, post, and `low` and `high`, the interval of the
    change as of post.

    Raises:
        StudyError: the table lacks a row.
    """
    large = table.loc[table["languages"] >= FEWEST, ["model", "grouping", "group"]].drop_duplicates()
    drawn = []
    for panel in spec.panels:
        groups = large[large["model"] == panel.model.name]
        keys = grid(model=[panel.model.name], pooling=spec.poolings, target=[panel.target]).merge(groups, on="model")
        drawn.append(select(table, keys, "rows of the table by family"))
    found = pd.concat(drawn, ignore_index=True)
    found = found.assign(low=found["pre"] + found["ci_low"], high=found["pre"] + found["ci_high"])
    return found[[*("model", "pooling", "target", "grouping", "group", "languages"), *("pre", "post", "low", "high")]]


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """Draw a panel per target and pooling: a row per group, accuracies before and after, from the largest group on."""
    first = drawn.drop_duplicates(["grouping", "group"])
    places = heights(first)
    height = 0.55 + ROW_HEIGHT * (places[-1] + 1)
    figure, axes = drawing.panels(spec, WIDTH, height, "Top-1 accuracy", "", sharex=True, sharey=True)
    for axis, panel, pooling in drawing.each_panel(axes, spec):
        draw_panel(axis, drawing.of_panel(drawn, panel, pooling), places)
    axes[0, 0].set_yticks(places, [f"{row.group} ({row.languages})" for row in first.itertuples()])
    axes[0, 0].set_ylim(places[-1] + 0.6, -0.6)
    axes[0, 0].set_xlim(left=0)
    interval = f"{spec.resampling.confidence:.0%} interval of the change"
    drawing.add_legend(
        figure,
        [
            Line2D([], [], **PRE, label="pre-intervention"),
            Line2D([], [], **POST, label="post-intervention"),
            *([Line2D([], [], **INTERVAL, label=interval)] if drawn["low"].notna().any() else []),
        ],
    )
    return figure


def heights(groups: pd.DataFrame) -> np.ndarray:
    """Return where each group stands, from the top, with a gap before each further grouping: [groups]."""
    begins = groups["grouping"].to_numpy() != groups["grouping"].shift().to_numpy()
    return np.arange(len(groups)) + GAP * (np.cumsum(begins) - 1)


def draw_panel(axis: Axes, here: pd.DataFrame, places: np.ndarray) -> None:
    """Draw the accuracies of one target, a line from before to after, and the interval of the change around after."""
    axis.grid(axis="x")
    axis.hlines(places, here["pre"], here["post"], **CHANGE, zorder=2)
    axis.hlines(places, here["low"], here["high"], **INTERVAL, zorder=3)
    axis.plot(here["pre"], places, **PRE, zorder=4)
    axis.plot(here["post"], places, **POST, zorder=5)


def caption(spec: Spec, drawn: pd.DataFrame) -> str:
    """Return what the figure shows and how it was computed."""
    count = int(drawn.loc[drawn["grouping"] == "all", "languages"].max())
    confidence = f"{100 * spec.resampling.confidence:g}%"
    return drawing.joined(
        f"Top-1 accuracy of retrieval on {spec.dataset} by {spec.similarity.replace('_', ' ')}, over all ordered pairs "
        f"of {count} languages, before (open circles) and after (filled) the intervention on experts of "
        f"{spec.target_names}. A row is the mean over the candidates of a group, in brackets how many: all; those of "
        f"which some language finds more than {100 * FOUND:g}% without intervention, and the others; families "
        f"(Glottolog); scripts (ISO 15924). Groups of fewer than {FEWEST} languages are left out.",
        f"Lines: {confidence} bootstrap intervals of the change over the languages of the group "
        f"({spec.resampling.resamples:,} resamples)."
        if drawn["low"].notna().any()
        else "",
    )


TEXT = ["model", "pooling", "grouping", "group", "target"]  # columns of the table
main = figure_stage(
    Spec,
    __doc__,
    {"families": "the table by family and script (CSV)"},
    read=lambda spec, files: rows(read_table(files.families, TEXT), spec),
    draw=draw,
    describe=lambda drawn, spec: ("Retrieval by family and script", caption(spec, drawn)),
)


if __name__ == "__main__":
    stage.run(main)

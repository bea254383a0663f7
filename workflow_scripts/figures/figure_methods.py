"""What each method of intervention does, against what it costs in perplexity."""

import math
from dataclasses import dataclass
from itertools import cycle, pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import Field

from workflow_scripts.config.fields import MethodName
from workflow_scripts.config.settings import Poolings, Targets
from workflow_scripts.figures import drawing
from workflow_scripts.figures.colours import distinct
from workflow_scripts.figures.labels import move_apart
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.tables.comparison import COST, METRICS
from workflow_scripts.tables.shown_models import BASE_ROW, CONSTANT_ROW, OWN_ROW, Model

BASE_COLOUR, CONSTANT_COLOUR = "#444C56", "#8C959F"
PANEL_WIDTH, PANEL_HEIGHT = 3.1, 2.4  # inches
LABEL_SIZE = 6.5  # points
ROOM = 0.15  # on each side of the lines, of their extent, for labels
MARK_REACH = 2.5  # points, of a mark from its middle


class Spec(stage.Spec):
    """What the figure depends on, beside its files."""

    model: Model
    poolings: Poolings
    methods: list[MethodName] = Field(
        min_length=1, description="Names of the compared methods, as the legend lists them."
    )
    targets: Targets


def points(table: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per mark, in the order of drawing: pooling, method, strength, and every measured metric.

    Methods on layers, which have no pooling, and the unintervened model are drawn for every pooling.

    Raises:
        StudyError: the table lacks this model.
    """
    rows = table[(table["model"] == spec.model.name) & ~table["matched"]]
    if rows.empty:
        raise StudyError(f"the table of methods has no row of {spec.model.name}; delete it and run again.")
    rows = rows.astype({"pooling": object}).fillna({"pooling": ""})
    wide = rows.set_index(["pooling", "method", "strength", "metric"])["mean"].unstack("metric").reset_index()
    names = [BASE_ROW, CONSTANT_ROW, OWN_ROW, *spec.methods]
    drawn = []
    for pooling in spec.poolings:
        here = wide[wide["pooling"].isin([pooling, ""]) & wide["method"].isin(names)].assign(pooling=pooling)
        order = here["method"].map(names.index)
        drawn.append(here.assign(order=order).sort_values(["order", "strength"]).drop(columns="order"))
    return pd.concat(drawn, ignore_index=True)


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """Draw panels per metric and pooling, with perplexity along the other axis and lines labelled at their ends."""
    shown = shown_metrics(drawn)
    figure, of_poolings, _, _ = drawing.wrapped(len(spec.poolings), len(shown), PANEL_WIDTH, PANEL_HEIGHT, below=0)
    panels = {}
    for axes, pooling in zip(of_poolings, spec.poolings, strict=True):
        of_pooling = drawn[drawn["pooling"] == pooling]
        for axis, metric in zip(axes, shown, strict=True):
            panels[axis] = draw_panel(axis, of_pooling, metric, spec)
            axis.set_title(drawing.pooled_title(METRICS[metric], pooling, spec.poolings))
            axis.set_xlabel(METRICS[COST])
    figure.draw_without_rendering()  # only now is known where on the page the panels are
    for axis, ends in panels.items():
        label_ends(axis, ends)
    return figure


def shown_metrics(drawn: pd.DataFrame) -> list[str]:
    """Return metrics that were measured at all, but for the perplexity."""
    return [metric for metric in METRICS if metric != COST and metric in drawn and drawn[metric].notna().any()]


def shown_cost(rows: pd.DataFrame) -> float:
    """Return the perplexity at which a row of panels ends.

    Far beyond the perplexity of the study's own intervention text is no text, and showing it would squeeze the panel's
    other marks into a corner.
    """
    base, own = (rows.loc[rows["method"] == method, COST].max() for method in (BASE_ROW, OWN_ROW))
    return base + max(1.5, 3 * (own - base)) if own > base else math.inf


def drawn_methods(drawn: pd.DataFrame, spec: Spec) -> list[str]:
    """Return rows of the comparison that have marks, in the order of the legend."""
    there = set(drawn.dropna(subset=COST)["method"])
    return [method for method in looks(spec) if method in there]


def looks(spec: Spec) -> dict[str, dict[str, Any]]:
    """Colour and marker of each method; the study's own is black, and no two have one colour."""
    styles = zip(spec.methods, distinct(len(spec.methods)), cycle(drawing.MARKERS), strict=False)
    own = {BASE_ROW: {"color": BASE_COLOUR, "marker": "+"}, OWN_ROW: {"color": "black", "marker": "*"}}
    return {**own, **{method: {"color": colour, "marker": marker} for method, colour, marker in styles}}


@dataclass(frozen=True)
class End:
    """The end of a line, where its label is."""

    label: str
    place: tuple[float, float]
    colour: Any


def draw_panel(axis: Axes, rows: pd.DataFrame, metric: str, spec: Spec) -> list[End]:
    """Draw a line per method, from the unintervened model over its strengths; the constant's level is dotted.

    Returns:
        Where lines end, or leave the panel.
    """
    base = rows[rows["method"] == BASE_ROW]
    lines = {}
    for method, look in looks(spec).items():
        points = rows[rows["method"] == method].dropna(subset=[COST, metric])
        if points.empty:
            continue
        line = points if method == BASE_ROW else pd.concat([base, points])
        marks = {"markersize": 7 if method == OWN_ROW else 4, "markeredgewidth": 0.8}
        # The unintervened model, where each line begins, has a mark of its own.
        places = {} if method == BASE_ROW else {"markevery": range(1, len(line))}
        style = {"linewidth": 0.9, "linestyle": "--" if method == OWN_ROW else "-"}
        axis.plot(line[COST], line[metric], **look, **marks, **places, **style, zorder=4 if method == OWN_ROW else 3)
        lines[method] = line[[COST, metric]].to_numpy()
    right = set_limits(axis, list(lines.values()), shown_cost(rows))
    ends = [End(named(method), end_of(line, right), looks(spec)[method]["color"]) for method, line in lines.items()]
    constant = rows.loc[rows["method"] == CONSTANT_ROW, metric].to_numpy()
    if len(constant) and np.isfinite(constant[0]):
        axis.axhline(constant[0], color=CONSTANT_COLOUR, linestyle=":", linewidth=1, zorder=2)
        ends.append(End("constant alone", (right, constant[0]), CONSTANT_COLOUR))
    own = rows.loc[rows["method"] == OWN_ROW, COST].to_numpy()
    if len(own) and np.isfinite(own[0]):
        axis.axvline(own[0], color=drawing.MUTED_COLOUR, linewidth=0.6, zorder=1)
    axis.grid(axis="y")
    return ends


def set_limits(axis: Axes, lines: list[np.ndarray], most: float) -> float:
    """Show what lines [points, 2] do up to a perplexity, with room for labels; return where the panel ends."""
    points = np.concatenate([np.empty((0, 2)), *lines])
    if not len(points):
        return axis.get_xlim()[1]
    left, farthest = points[:, 0].min(), points[:, 0].max()
    room = ROOM * max(min(farthest, most) - left, 1e-3)
    right = min(farthest + room, most)
    seen = np.concatenate([points[points[:, 0] <= right], *([end_of(line, right)] for line in lines)])
    axis.set_xlim(left - room, right)
    low, high = seen[:, 1].min(), seen[:, 1].max()
    axis.set_ylim(low - ROOM * max(high - low, 1e-3), high + ROOM * max(high - low, 1e-3))
    return right


def named(method: str) -> str:
    """Return what a line's label says."""
    return {BASE_ROW: "unintervened", OWN_ROW: "own intervention"}.get(method, method.replace("_", " "))


def end_of(line: np.ndarray, right: float) -> tuple[float, float]:
    """Return the last point of a line [points, 2], or where it first leaves the panel at its right edge."""
    for (x, y), (next_x, next_y) in pairwise(line):
        if next_x > right:
            return right, y + (next_y - y) * (right - x) / (next_x - x)
    return tuple(line[-1])


def label_ends(axis: Axes, ends: list[End]) -> None:
    """Label lines at their ends, off each other and off the ends."""
    centred = {"textcoords": "offset points", "ha": "center", "va": "center"}
    box = {"boxstyle": "square,pad=0", "facecolor": "white", "alpha": 0.65, "linewidth": 0}
    looks = {"size": LABEL_SIZE, "bbox": box, "in_layout": False, "zorder": 5}
    labels = [axis.annotate(end.label, end.place, (0, 0), **centred, **looks, color=end.colour) for end in ends]
    places = axis.transData.transform([end.place for end in ends]) * 72 / axis.figure.dpi
    move_apart(axis, labels, places[:, None] + np.array([[-MARK_REACH], [MARK_REACH]]))


def caption(spec: Spec, drawn: pd.DataFrame) -> str:
    """Return what the figure shows and how it was computed."""
    left_out = [
        method for method in [OWN_ROW, *spec.methods] if method not in drawn_methods(drawn, spec)
    ]  # fmt: skip
    missing = f"Not drawn, since their perplexity was not measured: {', '.join(left_out)}." if left_out else ""
    over = f"means over {len(spec.targets)} targets ({', '.join(spec.targets)})" if len(spec.targets) > 1 else "values"
    return drawing.joined(
        f"What methods of intervention do to {spec.model.label}, against the perplexity of text in the target under "
        f"them; {over}. Each line goes from the unintervened model (+) over a method's strengths; the star is the "
        "study's own intervention, the vertical line its perplexity, at which methods compare.",
        "Dotted: the same constant added to every embedding of the unintervened model."
        if drawn.loc[drawn["method"] == CONSTANT_ROW, shown_metrics(drawn)].notna().any(axis=None)
        else "",
        "Lines that leave a panel to the right lead to perplexities far beyond."
        if any(
            drawn.loc[drawn["pooling"] == each, COST].max() > shown_cost(drawn[drawn["pooling"] == each])
            for each in spec.poolings
        )
        else "",
        missing,
        "The numbers are those of the table.",
    )


main = figure_stage(
    Spec,
    __doc__,
    {"table": "the table of methods (CSV)"},
    read=lambda spec, files: points(pd.read_csv(files.table), spec),
    draw=draw,
    describe=lambda drawn, spec: ("Methods of intervention", caption(spec, drawn)),
)


if __name__ == "__main__":
    stage.run(main)

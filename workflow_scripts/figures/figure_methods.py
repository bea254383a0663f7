"""What each method of intervention does, against what it costs in perplexity."""

import math
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pydantic import Field

from workflow_scripts.config.fields import MethodName
from workflow_scripts.config.settings import Poolings, Targets
from workflow_scripts.figures import drawing
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.tables.comparison import COST, METRICS
from workflow_scripts.tables.shown_models import BASE_ROW, CONSTANT_ROW, OWN_ROW, Model

# Colours of Okabe and Ito (2008) but yellow, which is too light for lines, and black, that of the study's own method.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#6E7781"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">"]


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
    """Draw a panel per metric, with perplexity along the other axis, and a row of panels per pooling."""
    shown = shown_metrics(drawn)
    room = {"below": 0.9, "least_width": 2 * drawing.COLUMN_WIDTH}
    figure, axes = drawing.grid(len(spec.poolings), len(shown), 2.1, 1.9, **room, sharex="row")
    for row, pooling in zip(axes, spec.poolings, strict=True):
        for axis, metric in zip(row, shown, strict=True):
            draw_panel(axis, drawn[drawn["pooling"] == pooling], metric, spec)
            axis.set_title(drawing.pooled_title(METRICS[metric], pooling, spec.poolings))
    for pooling, row in zip(spec.poolings, axes, strict=True):
        right = shown_cost(drawn[drawn["pooling"] == pooling])
        if row[0].get_xlim()[1] > right:
            row[0].set_xlim(right=right)
    for axis in axes[-1]:
        axis.set_xlabel(METRICS[COST])
    handles = [
        Line2D([], [], **looks(spec)[method], linewidth=1.2, markersize=4, label=method.replace("_", " "))
        for method in drawn_methods(drawn, spec)
    ]
    reference = {"color": drawing.MUTED_COLOUR, "linestyle": ":", "label": "constant alone"}
    constant = drawn.loc[drawn["method"] == CONSTANT_ROW, shown].notna().any(axis=None)
    drawing.add_legend(figure, [*handles, *([Line2D([], [], **reference)] if constant else [])])
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


def looks(spec: Spec) -> dict[str, dict[str, str]]:
    """Colour and marker of each method; the study's own is black."""
    styles = zip(spec.methods, cycle(COLOURS), cycle(MARKERS), strict=False)
    own = {BASE_ROW: {"color": "black", "marker": "+"}, OWN_ROW: {"color": "black", "marker": "*"}}
    return {**own, **{method: {"color": colour, "marker": marker} for method, colour, marker in styles}}


def draw_panel(axis: Axes, rows: pd.DataFrame, metric: str, spec: Spec) -> None:
    """Draw a line per method, from the unintervened model over its strengths; the constant's level is dotted."""
    base = rows[rows["method"] == BASE_ROW]
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
    constant = rows.loc[rows["method"] == CONSTANT_ROW, metric].to_numpy()
    if len(constant) and np.isfinite(constant[0]):
        axis.axhline(constant[0], color=drawing.MUTED_COLOUR, linestyle=":", linewidth=1, zorder=2)
    own = rows.loc[rows["method"] == OWN_ROW, COST].to_numpy()
    if len(own) and np.isfinite(own[0]):
        axis.axvline(own[0], color=drawing.MUTED_COLOUR, linewidth=0.6, zorder=1)
    axis.grid(axis="y")


def caption(spec: Spec, drawn: pd.DataFrame) -> str:
    """Return what the figure shows and how it was computed."""
    left_out = [
        method for method in [OWN_ROW, *spec.methods] if method not in drawn_methods(drawn, spec)
    ]  # fmt: skip
    missing = f" Not drawn, since their perplexity was not measured: {', '.join(left_out)}." if left_out else ""
    over = f"means over {len(spec.targets)} targets ({', '.join(spec.targets)})" if len(spec.targets) > 1 else "values"
    return (
        f"What methods of intervention do to {spec.model.label}, against the perplexity of text in the target under "
        f"them; {over}. Each line goes from the unintervened model (+) over a method's strengths; the star is the "
        "study's own intervention, the vertical line its perplexity, at which methods compare. Dotted: the same "
        "constant added to every embedding of the unintervened model. Lines that leave a panel to the right lead to "
        f"perplexities far beyond.{missing} The numbers are those of the table."
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

"""What the intervention does against the share of its target in the training, in models of several mixtures."""

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pydantic import Field

from workflow_scripts.config.settings import Confidence, DatasetName, LanguageNames
from workflow_scripts.figures import drawing
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.jobs import stage
from workflow_scripts.tables.mixtures import OUTCOMES, TrainedOnMixture
from workflow_scripts.tables.run import read_table
from workflow_scripts.tables.specs import TargetsSpec

PANEL_WIDTH, PANEL_HEIGHT = 2.1, 1.7  # inches
COLUMNS = drawing.side_by_side(PANEL_WIDTH)
BELOW_ALL = 3.0  # how many times smaller than the smallest share the place of none is
BESIDE = 0.03  # of the width of a panel, between the points of targets that have the same share


class Spec(TargetsSpec):
    """What the figure depends on, beside its files."""

    models: list[TrainedOnMixture] = Field(min_length=1)
    names: LanguageNames
    dataset: DatasetName
    confidence: Confidence


def points(table: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per point: pooling, outcome, target, model, seed, share, value, ci_low, ci_high and random."""
    single = table["outcome"].map({name: outcome.single for name, outcome in OUTCOMES.items()})
    value = table["post"].where(single, table["change"])
    columns = ["pooling", "outcome", "target", "model", "seed", "share"]
    return table[columns].assign(value=value, **{name: table[name] for name in ("ci_low", "ci_high", "random")})


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """Draw a panel per pooling and outcome: a point per model, a line through the means of each share."""
    shown = [name for name in OUTCOMES if name in set(drawn["outcome"])]
    rows = math.ceil(len(shown) / COLUMNS)
    figure, axes = drawing.grid(rows * len(spec.poolings), COLUMNS, PANEL_WIDTH, PANEL_HEIGHT)
    smallest = drawn.loc[drawn["share"] > 0, "share"].min()
    nothing = smallest / BELOW_ALL
    width = math.log10(1 / nothing)
    for number, pooling in enumerate(spec.poolings):
        block = axes[rows * number : rows * (number + 1)].ravel()
        for axis, name in zip(block, shown, strict=False):
            axis.set_title(
                drawing.pooled_title(OUTCOMES[name].label.replace(", ", ",\n"), pooling, spec.poolings), fontsize=7.5
            )
            axis.grid(axis="y")
            if not OUTCOMES[name].single:
                axis.axhline(0, color=drawing.MUTED_COLOUR, linewidth=0.7, zorder=1)
            for place, (target, look) in enumerate(drawing.looks(spec.targets).items()):
                mine = drawn[(drawn["outcome"] == name) & (drawn["pooling"] == pooling) & (drawn["target"] == target)]
                across = np.log10(mine["share"].where(mine["share"] > 0, nothing))
                across += BESIDE * width * (place - (len(spec.targets) - 1) / 2)
                bars = np.abs(mine[["ci_low", "ci_high"]].to_numpy().T - mine["value"].to_numpy())
                known = np.isfinite(bars).all(axis=0)
                axis.errorbar(
                    across[known],
                    mine["value"][known],
                    yerr=bars[:, known],
                    fmt="none",
                    ecolor=look["color"],
                    alpha=0.35,
                    linewidth=0.7,
                )
                axis.plot(across, mine["value"], linestyle="none", alpha=0.7, **drawing.LINE, **look)
                axis.plot(
                    across, mine["random"], linestyle="none", marker="x", color=look["color"], alpha=0.5, markersize=3
                )
                means = mine.assign(across=across).groupby("across")["value"].mean()
                axis.plot(means.index, means, linewidth=drawing.LINE["linewidth"], color=look["color"])
            ticks = [0.001, 0.01, 0.1, 1]
            kept = [tick for tick in ticks if tick > 0.9 * smallest]  # a lower one would overlap with none
            axis.set_xticks([math.log10(nothing), *np.log10(kept)], ["none", *(f"{tick:.4g}" for tick in kept)])
        for axis in block[max(0, len(shown) - COLUMNS) : len(shown)]:
            axis.set_xlabel("Share of target in the training")
        for axis in block[len(shown) :]:
            axis.set_axis_off()
    drawing.add_legend(figure, legend_handles(drawn, spec))
    return figure


def legend_handles(drawn: pd.DataFrame, spec: Spec) -> list[Line2D]:
    """Return the legend's entries: a target each, and random neurons if they are drawn."""
    found = [
        Line2D([], [], label=spec.names[target], **drawing.LINE, **look)
        for target, look in drawing.looks(spec.targets).items()
    ]
    random = Line2D(
        [], [], linestyle="none", marker="x", color=drawing.MUTED_COLOUR, markersize=3, label="random neurons"
    )
    return [*found, *([random] if drawn["random"].notna().any() else [])]


def caption(spec: Spec) -> str:
    """Return what the figure shows and how it was computed."""
    return (
        "Changes by the intervention on the experts of a target, and expertise and block of the experts, in "
        f"{len(spec.models)} models that differ in their mixture of languages and their seed, against the share of "
        "the target in the tokens that they were trained on (logarithmic, none at the left). Distance and retrieval "
        f"on {spec.dataset}. A point per model, with its {100 * spec.confidence:g}% interval where it has one; lines "
        "go through the means of each share."
    )


main = figure_stage(
    Spec,
    __doc__,
    {"mixtures": "the table of outcomes by model and target (CSV)"},
    read=lambda spec, files: points(read_table(files.mixtures, ["model", "target", "pooling"]), spec),
    draw=draw,
    describe=lambda drawn, spec: ("The intervention and the mixture of languages", caption(spec)),
)


if __name__ == "__main__":
    stage.run(main)

"""Figures 4, 21–23 and 30–32: top-1 retrieval accuracy for each candidate language, before and after an intervention.

The query language is the target of the intervention. Figures 30–32 show the random control with its spread over seeds.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from workflow_scripts.config.settings import ControlSeeds, Units
from workflow_scripts.figures import drawing
from workflow_scripts.figures.retrieval_accuracies import COLUMNS, INPUTS, RetrievalSpec
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import grid, pre_and_post, pre_and_random, read_metrics
from workflow_scripts.tables.shown_models import Panel

BAR_THICKNESS = 0.4  # of the distance between two languages
INCHES_PER_LANGUAGE = 0.155


class Spec(RetrievalSpec):
    """What the figure depends on, beside its files."""

    units: Units
    seeds: ControlSeeds


def accuracies(retrieval: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per pair of bars, with its key, seen, pre, post and, if random, low and high.

    Raises:
        StudyError: an observation is missing.
    """
    wanted = pd.concat([panel_accuracies(panel, spec) for panel in spec.panels], ignore_index=True)
    keys = wanted.drop(columns="seen")
    if spec.units == "random":
        drawn = pre_and_random(retrieval, keys, "accuracy", spec.seeds, "retrieval accuracies")
    else:
        drawn = pre_and_post(retrieval, keys, "accuracy", "retrieval accuracies")
    drawn.insert(drawn.columns.get_loc("pre"), "seen", wanted["seen"])
    return drawn


def panel_accuracies(panel: Panel, spec: Spec) -> pd.DataFrame:
    """Return the keys of one column's bars, and whether the model has seen the candidate language."""
    keys = grid(
        model=[panel.model.name],
        pooling=spec.poolings,
        target=[panel.target],
        similarity=[spec.similarity],
        query=[panel.target],
        candidate=[language for language in spec.languages if language != panel.target],
    )
    return keys.assign(seen=[panel.model.has_seen(candidate) for candidate in keys["candidate"]])


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """Draw axes per panel and pooling: two bars per candidate language, none for the query language."""
    height = 0.5 + INCHES_PER_LANGUAGE * len(spec.languages)
    figure, axes = drawing.panels(spec, 2.2, height, "Top-1 accuracy", "Candidate language", sharex=True)
    for axis, panel, pooling in drawing.each_panel(axes, spec):
        draw_panel(axis, drawing.of_panel(drawn, panel, pooling).set_index("candidate"), panel, spec)
    highest = drawn[["pre", "high" if "high" in drawn else "post"]].max(axis=None)
    axes[0, 0].set_xlim(0, min(1, 1.05 * highest) if highest > 0 else 1)
    after = "post-intervention" if spec.units == "expert" else "post-intervention on random neurons"
    bars = [Patch(color=drawing.PRE_COLOUR, label="pre-intervention"), Patch(color=drawing.POST_COLOUR, label=after)]
    drawing.add_legend(figure, [*bars, *drawing.unseen_key(spec.models, spec.languages)])
    return figure


def draw_panel(axis: Axes, accuracy: pd.DataFrame, panel: Panel, spec: Spec) -> None:
    """Draw two bars per candidate language, from top to bottom; `accuracy` has pre and post, indexed by language."""
    candidates = [language for language in spec.languages if language != panel.target]
    positions = np.array([spec.languages.index(language) for language in candidates])
    for space, side, colour in (("pre", -0.5, drawing.PRE_COLOUR), ("post", 0.5, drawing.POST_COLOUR)):
        widths = accuracy.loc[candidates, space]
        axis.barh(positions + side * BAR_THICKNESS, widths, height=BAR_THICKNESS, color=colour, linewidth=0)
    if "low" in accuracy:
        ends = accuracy.loc[candidates, ["low", "high"]].to_numpy()
        axis.hlines(positions + 0.5 * BAR_THICKNESS, ends[:, 0], ends[:, 1], color="black", linewidth=0.7)
    axis.grid(axis="x")
    axis.set_ylim(len(spec.languages) - 0.4, -0.6)
    drawing.label_languages(axis.yaxis, np.arange(len(spec.languages)), spec.languages, panel.model, bold=panel.target)
    if panel.target in spec.languages:
        text = f"query: {spec.name(panel.target)}"
        place = {"xytext": (3, 0), "textcoords": "offset points", "va": "center_baseline"}
        look = {"size": 6.5, "style": "italic", "color": drawing.MUTED_COLOUR}
        axis.annotate(text, (0, spec.languages.index(panel.target)), **place, **look)


def caption(spec: Spec) -> str:
    """Return what the figure shows and how it was computed."""
    units = "experts"
    if spec.units == "random":
        units = f"random neurons, given the experts' values: mean and range over {len(spec.seeds)} draws,"
    return (
        f"Top-1 retrieval accuracy (by {spec.similarity.replace('_', ' ')}) on {spec.dataset} before and after the "
        f"intervention on {units} of {spec.target_names}. The query language is the target of the intervention; each "
        "pair of "
        "bars is a candidate language. A query counts if its translation is the most similar of all sentences of the "
        "candidate language. Languages that the model has not seen in pre-training are red and have an asterisk."
    )


def title(spec: Spec) -> str:
    """Return the title of the figure."""
    return "Retrieval accuracy" + (" under random neurons" if spec.units == "random" else "")


main = figure_stage(
    Spec,
    __doc__,
    INPUTS,
    read=lambda spec, files: accuracies(read_metrics(files.retrieval, COLUMNS), spec),
    draw=draw,
    describe=lambda drawn, spec: (title(spec), caption(spec)),
)


if __name__ == "__main__":
    stage.run(main)

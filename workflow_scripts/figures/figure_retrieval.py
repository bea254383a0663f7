"""Figures 4, 21–23 and 30–32: top-1 retrieval accuracy for each candidate language, before and after an intervention.

The query language is the target of the intervention. Intervals are over queries. Figures 30–32 show the random control,
the mean over its draws, and their range.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from workflow_scripts.config.settings import ControlSeeds, Units
from workflow_scripts.figures import drawing
from workflow_scripts.figures.retrieval_accuracies import INPUTS, RetrievalSpec
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.jobs import stage
from workflow_scripts.measures.averages import averages_over_queries
from workflow_scripts.measures.metric_files import grid
from workflow_scripts.measures.queries import found_after, found_before, read_retrieved
from workflow_scripts.tables.shown_models import Panel

BAR_THICKNESS = 0.4  # of the distance between two languages
INTERVAL = {"color": "black", "linewidth": 0.6}
RANGE = {"linestyle": "none", "marker": "o", "markersize": 1.8, "color": "white", "markeredgecolor": "black"}
RANGE |= {"markeredgewidth": 0.4}
INCHES_PER_LANGUAGE = 0.155


class Spec(RetrievalSpec):
    """What the figure depends on, beside its files."""

    units: Units
    seeds: ControlSeeds


def accuracies(retrieved: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per pair of bars, with its key, seen, pre and post.

    Each of the two has its interval, `_low` and `_high`. Under random neurons, post is the mean over draws, whose range
    is `lowest` and `highest`.

    Raises:
        StudyError: an observation is missing.
    """
    drawn = pd.concat([panel_accuracies(panel, spec) for panel in spec.panels], ignore_index=True)
    keys = drawn.drop(columns="seen")
    draws = found_after(retrieved, keys, spec.seeds if spec.units == "random" else [])
    for space, found in (("pre", found_before(retrieved, keys)), ("post", draws.mean(axis=0))):
        averages = averages_over_queries(found, spec.resampling)
        drawn[space] = [each.mean for each in averages]
        drawn[f"{space}_low"], drawn[f"{space}_high"] = zip(*((e.ci_low, e.ci_high) for e in averages), strict=True)
    if spec.units == "random":
        of_draws = draws.mean(axis=-1)
        drawn = drawn.assign(lowest=of_draws.min(axis=0), highest=of_draws.max(axis=0))
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
    figure, axes = drawing.panels(spec, 2.1, height, "Top-1 accuracy", "Candidate language", sharex=True)
    for axis, panel, pooling in drawing.each_panel(axes, spec):
        draw_panel(axis, drawing.of_panel(drawn, panel, pooling).set_index("candidate"), panel, spec)
    ends = ["pre", "post", "pre_high", "post_high", *(["highest"] if "highest" in drawn else [])]
    highest = drawn[ends].max(axis=None)
    axes[0, 0].set_xlim(0, min(1, 1.05 * highest) if highest > 0 else 1)
    after = "post-intervention" if spec.units == "expert" else "post-intervention on random neurons"
    keys = [Patch(color=drawing.PRE_COLOUR, label="pre-intervention"), Patch(color=drawing.POST_COLOUR, label=after)]
    if drawn["pre_low"].notna().any():
        keys.append(Line2D([], [], **INTERVAL, label=f"{spec.resampling.confidence:.0%} interval"))
    if several_draws(spec):
        keys.append(Line2D([], [], **RANGE, label="range of draws"))
    drawing.add_legend(figure, [*keys, *drawing.unseen_key(spec.models, spec.languages)])
    return figure


def several_draws(spec: Spec) -> bool:
    """Return whether the figure shows a range of draws of random neurons."""
    return spec.units == "random" and len(spec.seeds) > 1


def draw_panel(axis: Axes, accuracy: pd.DataFrame, panel: Panel, spec: Spec) -> None:
    """Draw two bars per candidate language with their intervals, from top to bottom; `accuracy` is by language."""
    candidates = [language for language in spec.languages if language != panel.target]
    positions = np.array([spec.languages.index(language) for language in candidates])
    for space, side, colour in (("pre", -0.5, drawing.PRE_COLOUR), ("post", 0.5, drawing.POST_COLOUR)):
        shown, heights = accuracy.loc[candidates], positions + side * BAR_THICKNESS
        axis.barh(heights, shown[space], height=BAR_THICKNESS, color=colour, linewidth=0)
        axis.hlines(heights, shown[f"{space}_low"], shown[f"{space}_high"], **INTERVAL)
    if several_draws(spec):
        for end in ("lowest", "highest"):
            axis.plot(accuracy.loc[candidates, end], positions + 0.5 * BAR_THICKNESS, **RANGE)
    axis.grid(axis="x")
    axis.set_ylim(len(spec.languages) - 0.4, -0.6)
    drawing.label_languages(axis.yaxis, np.arange(len(spec.languages)), spec.languages, panel.model, bold=panel.target)
    if panel.target in spec.languages:
        text = f"query: {spec.name(panel.target)}"
        place = {"xytext": (3, 0), "textcoords": "offset points", "va": "center_baseline"}
        look = {"size": 6.5, "style": "italic", "color": drawing.MUTED_COLOUR}
        axis.annotate(text, (0, spec.languages.index(panel.target)), **place, **look)


def caption(spec: Spec, drawn: pd.DataFrame) -> str:
    """Return what the figure shows and how it was computed."""
    units = "experts"
    if spec.units == "random":
        draws = f"the mean over {len(spec.seeds)} draws, dots are their range" if several_draws(spec) else "one draw"
        units = f"random neurons, given the values of the experts ({draws}),"
    return drawing.joined(
        f"Top-1 retrieval accuracy (by {spec.similarity.replace('_', ' ')}) on {spec.dataset} before and after the "
        f"intervention on {units} of {spec.target_names}. The query language is the target of the intervention; each "
        "pair of bars is a candidate language. A query counts if its translation is the most similar of all sentences "
        "of the candidate language.",
        "" if drawn["pre_low"].isna().all() else f"Each line is the {drawing.interval_over_queries(spec.resampling)}.",
        drawing.unseen_note(spec.models, spec.languages),
    )


def title(spec: Spec) -> str:
    """Return the title of the figure."""
    return "Retrieval accuracy" + (" under random neurons" if spec.units == "random" else "")


main = figure_stage(
    Spec,
    __doc__,
    INPUTS,
    read=lambda spec, files: accuracies(read_retrieved(files.retrieved, spec.similarity, spec.targets), spec),
    draw=draw,
    describe=lambda drawn, spec: (title(spec), caption(spec, drawn)),
)


if __name__ == "__main__":
    stage.run(main)

"""Figures 5 and 24–26: change in top-1 retrieval accuracy by the intervention, for every pair of languages."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from workflow_scripts.figures import drawing
from workflow_scripts.figures.heat_maps import (
    add_keys,
    heat_map,
    hover_over_cells,
    one_scale_note,
    outline_note,
    square_maps,
)
from workflow_scripts.figures.retrieval_accuracies import INPUTS, RetrievalSpec
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.jobs import stage
from workflow_scripts.measures.averages import averages_over_queries
from workflow_scripts.measures.metric_files import pair_matrix
from workflow_scripts.measures.queries import found_after, found_before, read_retrieved


def changes(retrieved: pd.DataFrame, spec: RetrievalSpec) -> pd.DataFrame:
    """Return one row per coloured cell: its key, pre, post, their difference `change`, and its interval low and high.

    The interval is that of the mean over queries of what changes for each.

    Raises:
        StudyError: an observation is missing.
    """
    wanted = spec.grid(similarity=[spec.similarity], query=spec.languages, candidate=spec.languages)
    wanted = wanted[wanted["query"] != wanted["candidate"]].reset_index(drop=True)
    before, (after,) = found_before(retrieved, wanted), found_after(retrieved, wanted, [])
    averages = averages_over_queries(after - before, spec.resampling)
    accuracies = wanted.assign(pre=before.mean(axis=-1), post=after.mean(axis=-1))
    return accuracies.assign(
        change=accuracies["post"] - accuracies["pre"],
        low=[each.ci_low for each in averages],
        high=[each.ci_high for each in averages],
    )


def within_chance(drawn: pd.DataFrame) -> pd.Series:
    """Return whether the interval of each cell holds 0; not where there is none."""
    return (drawn["low"] <= 0) & (drawn["high"] >= 0)


def draw(drawn: pd.DataFrame, spec: RetrievalSpec) -> Figure:
    """Draw a heat map per model and pooling, queries down, candidates across; one colour scale, white at no change."""
    figure, axes = square_maps(spec, spec.languages, "Candidate language", "Query language")
    limit = float(drawn["change"].abs().max()) or 1.0
    for axis, panel, pooling in drawing.each_panel(axes, spec):
        shown = drawing.of_panel(drawn, panel, pooling)
        shown = shown.assign(marked=within_chance(shown))
        change, marked = (pair_matrix(shown, column, spec.languages) for column in ("change", "marked"))
        mesh = heat_map(axis, change, spec.languages, panel, limit, marked == 1)
    target, unseen = f"intervention target: {spec.target_names}", drawing.unseen_key(spec.models, spec.languages)
    mark = "within chance" if within_chance(drawn).any() else ""
    add_keys(figure, axes, mesh, "Change in top-1 accuracy\n(post − pre)", target, unseen, mark)
    return figure


def hover(figure: Figure, drawn: pd.DataFrame, spec: RetrievalSpec) -> list[drawing.Hover]:
    """Return what is said of each cell: its languages, accuracies, change and interval."""
    found = []
    for axis, panel, pooling in drawing.each_panel(drawing.panel_axes(figure, spec), spec):
        shown = drawing.of_panel(drawn, panel, pooling)
        matrices = [pair_matrix(shown, column, spec.languages) for column in ("pre", "post", "change", "low", "high")]
        found.append(hover_over_cells(axis, spec.languages, lambda *cell, of=matrices: said(*cell, of, spec)))
    return found


def said(row: int, column: int, matrices: list[np.ndarray], spec: RetrievalSpec) -> str:
    """Return what is said of a cell."""
    pre, post, change, low, high = (matrix[row, column] for matrix in matrices)
    interval = "" if np.isnan(low) else f" [{low:+.2f} {high:+.2f}]"
    names = [spec.name(spec.languages[place]) for place in (row, column)]
    return f"{' → '.join(names)}: {pre:.2f} to {post:.2f}, {change:+.2f}{interval}".replace("-", "−")


def caption(spec: RetrievalSpec, drawn: pd.DataFrame) -> str:
    """Return what the figure shows and how it was computed."""
    chance = within_chance(drawn)
    return drawing.joined(
        f"Change in top-1 retrieval accuracy (post − pre, by {spec.similarity.replace('_', ' ')}) on {spec.dataset} by "
        f"the intervention on experts of {spec.target_names}, for each query language (rows) and candidate language "
        "(columns). Blue: more queries find their translation after the intervention; red: fewer do; white: no change.",
        one_scale_note(spec),
        f"Dots mark the {chance.sum():,} of {len(drawn):,} cells whose change is within chance: the cell's "
        f"{drawing.interval_over_queries(spec.resampling)} holds 0."
        if chance.any()
        else "",
        outline_note(spec, spec.languages),
        drawing.unseen_note(spec.models, spec.languages),
    )


main = figure_stage(
    RetrievalSpec,
    __doc__,
    INPUTS,
    read=lambda spec, files: changes(read_retrieved(files.retrieved, spec.similarity, spec.languages), spec),
    draw=draw,
    describe=lambda drawn, spec: ("Change of retrieval accuracy", caption(spec, drawn)),
    hover=hover,
)


if __name__ == "__main__":
    stage.run(main)

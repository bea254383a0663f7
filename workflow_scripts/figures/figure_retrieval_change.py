"""Figures 5 and 24–26: change in top-1 retrieval accuracy by the intervention, for every pair of languages."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from workflow_scripts.figures import drawing
from workflow_scripts.figures.heat_maps import add_keys, heat_map, square_maps
from workflow_scripts.figures.retrieval_accuracies import COLUMNS, INPUTS, RetrievalSpec
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import pair_matrix, pre_and_post, read_metrics
from workflow_scripts.tables.shown_models import Panel


def changes(retrieval: pd.DataFrame, spec: RetrievalSpec) -> pd.DataFrame:
    """Return one row per coloured cell: model, pooling, target, similarity, query, candidate and change (post − pre).

    Raises:
        StudyError: an observation is missing.
    """
    wanted = spec.grid(similarity=[spec.similarity], query=spec.languages, candidate=spec.languages)
    wanted = wanted[wanted["query"] != wanted["candidate"]]
    accuracy = pre_and_post(retrieval, wanted, "accuracy", "retrieval accuracies")
    return accuracy.assign(change=accuracy["post"] - accuracy["pre"]).drop(columns=["pre", "post"])


def draw(drawn: pd.DataFrame, spec: RetrievalSpec) -> Figure:
    """Draw a heat map per model and pooling, queries down, candidates across; one colour scale, white at no change."""
    figure, axes = square_maps(spec, spec.languages, "Candidate language", "Query language")
    limit = float(drawn["change"].abs().max()) or 1.0
    for axis, panel, pooling in drawing.each_panel(axes, spec):
        mesh = draw_panel(axis, drawing.of_panel(drawn, panel, pooling), panel, spec, limit)
    target, unseen = f"intervention target: {spec.target_names}", drawing.unseen_key(spec.models, spec.languages)
    add_keys(figure, axes, mesh, "Change in top-1 accuracy\n(post − pre)", target, unseen)
    return figure


def draw_panel(axis: Axes, shown: pd.DataFrame, panel: Panel, spec: RetrievalSpec, limit: float) -> QuadMesh:
    """Draw one heat map, coloured from −limit to limit."""
    return heat_map(axis, pair_matrix(shown, "change", spec.languages), spec.languages, panel, limit)


def caption(spec: RetrievalSpec) -> str:
    """Return what the figure shows and how it was computed."""
    return (
        f"Change in top-1 retrieval accuracy (post − pre, by {spec.similarity.replace('_', ' ')}) on {spec.dataset} by "
        f"the intervention on experts of {spec.target_names}, for each query language (rows) and candidate language "
        "(columns). "
        "Blue: more queries find their translation after the intervention; red: fewer do. All panels share one colour "
        "scale, white at no change. The row and the column of the target are outlined. Languages that the model has "
        "not seen in pre-training are red and have an asterisk."
    )


main = figure_stage(
    RetrievalSpec,
    __doc__,
    INPUTS,
    read=lambda spec, files: changes(read_metrics(files.retrieval, COLUMNS), spec),
    draw=draw,
    describe=lambda drawn, spec: ("Change of retrieval accuracy", caption(spec)),
)


if __name__ == "__main__":
    stage.run(main)

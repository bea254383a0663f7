"""Figures 5 and 24–26: change in top-1 retrieval accuracy by the intervention, for every pair of languages."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from pydantic import Field

from workflow_scripts.figures import drawing
from workflow_scripts.figures.heat_maps import OUTLINE, SAME_LANGUAGE_COLOUR, heat_map
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import grid, pair_matrix, pre_and_post, read_metrics
from workflow_scripts.tables.shown_models import Panel

INCHES_PER_LANGUAGE = 0.1


class Spec(stage.Spec):
    """What the figure shows."""

    panels: list[Panel] = Field(min_length=1, description="Models and targets of the columns.")
    poolings: list[str] = Field(min_length=1, description="How a neuron's response was pooled; a row of panels each.")
    languages: list[str] = Field(min_length=2, description="Query and candidate languages in the order of the axes.")
    similarity: str = Field(description="Similarity of retrieval.")
    dataset: str = Field(description="Name of the parallel data set.")
    names: dict[str, str] = Field(description="Names of languages, for the legend.")


def changes(retrieval: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """One row a coloured cell: model, pooling, target, similarity, query, candidate and change (post − pre).

    Raises:
        StudyError: an observation is missing.
    """
    columns = [
        grid(
            model=[panel.model.name],
            pooling=spec.poolings,
            target=[panel.target],
            similarity=[spec.similarity],
            query=spec.languages,
            candidate=spec.languages,
        )
        for panel in spec.panels
    ]
    wanted = pd.concat(columns, ignore_index=True)
    wanted = wanted[wanted["query"] != wanted["candidate"]]
    accuracy = pre_and_post(retrieval, wanted, "accuracy", "retrieval accuracies")
    return accuracy.assign(change=accuracy["post"] - accuracy["pre"]).drop(columns=["pre", "post"])


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """A heat map for each model and pooling, queries down, candidates across; one colour scale, white at no change."""
    side = max(1.6, INCHES_PER_LANGUAGE * len(spec.languages)) + 0.4
    figure, axes = drawing.panels(spec.panels, spec.poolings, width=side, height=side, beside=0.8)
    limit = float(drawn["change"].abs().max()) or 1.0
    for row, pooling in zip(axes, spec.poolings, strict=True):
        for axis, panel in zip(row, spec.panels, strict=True):
            here = (drawn["model"] == panel.model.name) & (drawn["target"] == panel.target)
            mesh = draw_panel(axis, drawn[here & (drawn["pooling"] == pooling)], panel, spec, limit)
    for axis in axes[-1]:
        axis.set_xlabel("Candidate language")
    for axis in axes[:, 0]:
        axis.set_ylabel("Query language")
    figure.align_xlabels(axes[-1])
    bar = figure.colorbar(mesh, ax=axes, label="Change in top-1 accuracy\n(post − pre)", shrink=0.9, aspect=25)
    bar.outline.set_visible(False)
    targets = ", ".join(dict.fromkeys(spec.names.get(panel.target, panel.target) for panel in spec.panels))
    outline = Patch(**OUTLINE, label=f"intervention target: {targets}")
    marks = [outline, Patch(color=SAME_LANGUAGE_COLOUR, label="same language")]
    drawing.add_legend(figure, [*marks, *drawing.unseen_key([panel.model for panel in spec.panels], spec.languages)])
    return figure


def draw_panel(axis: Axes, shown: pd.DataFrame, panel: Panel, spec: Spec, limit: float) -> QuadMesh:
    """One heat map, coloured from −limit to limit."""
    return heat_map(axis, pair_matrix(shown, "change", spec.languages), spec.languages, panel, limit)


def caption(spec: Spec) -> str:
    """What the figure shows and how it was computed."""
    targets = ", ".join(dict.fromkeys(spec.names.get(panel.target, panel.target) for panel in spec.panels))
    return (
        f"Change in top-1 retrieval accuracy (post − pre, by {spec.similarity.replace('_', ' ')}) on {spec.dataset} by "
        f"the intervention on experts of {targets}, for each query language (rows) and candidate language (columns). "
        "Blue: more queries find their translation after the intervention; red: fewer do. All panels share one colour "
        "scale, white at no change. The row and the column of the target are outlined. Languages that the model has "
        "not seen in pre-training are red and have an asterisk."
    )


def main(command: list[str] | None = None) -> None:
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"retrieval...": "retrieval accuracies, one CSV a condition, the unintervened model's too"},
        outputs=drawing.OUTPUTS,
        command=command,
    )
    retrieval = read_metrics(files.retrieval, ["similarity", "query", "candidate", "accuracy"])
    drawn = changes(retrieval, spec)
    with drawing.style():
        drawing.save(draw(drawn, spec), drawn, "Change of retrieval accuracy", caption(spec), files)


if __name__ == "__main__":
    stage.run(main)

"""Figure 5: change in top-1 retrieval accuracy by the intervention, for every query and candidate language."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from pydantic import Field

from workflow_scripts.lib import figures, stage, tables

COLOUR_MAP = "RdBu"  # told apart by colour-blind readers (ColorBrewer)
SAME_LANGUAGE_COLOUR = "#BDC3C9"
OUTLINE = {"fill": False, "edgecolor": "black", "linewidth": 0.9}
INCHES_PER_LANGUAGE = 0.1


class Spec(stage.Spec):
    """What Figure 5 shows."""

    models: list[tables.Model] = Field(min_length=1, description="Models in the order of the panels.")
    poolings: list[str] = Field(min_length=1, description="How a neuron's response was pooled; a row of panels each.")
    target: str = Field(description="Intervention target.")
    languages: list[str] = Field(min_length=2, description="Query and candidate languages in the order of the axes.")
    similarity: str = Field(description="Similarity of retrieval.")
    names: dict[str, str] = Field(default_factory=dict, description="Language names for the legend.")


def changes(retrieval: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """One row a coloured cell: model, pooling, target, similarity, query, candidate and change (post − pre).

    Raises:
        StudyError: an observation is missing.
    """
    wanted = tables.grid(
        model=[model.name for model in spec.models],
        pooling=spec.poolings,
        target=[spec.target],
        similarity=[spec.similarity],
        query=spec.languages,
        candidate=spec.languages,
    )
    wanted = wanted[wanted["query"] != wanted["candidate"]]
    accuracy = tables.pre_and_post(retrieval, wanted, "accuracy", "retrieval accuracies")
    return accuracy.assign(change=accuracy["post"] - accuracy["pre"]).drop(columns=["pre", "post"])


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """A heat map for each model and pooling, queries down, candidates across; one colour scale, white at no change."""
    side = max(1.6, INCHES_PER_LANGUAGE * len(spec.languages)) + 0.4
    figure, axes = figures.panels(spec.models, spec.poolings, width=side, height=side, beside=0.8)
    limit = float(drawn["change"].abs().max()) or 1.0
    for row, pooling in zip(axes, spec.poolings, strict=True):
        for axis, model in zip(row, spec.models, strict=True):
            shown = drawn[(drawn["model"] == model.name) & (drawn["pooling"] == pooling)]
            mesh = draw_panel(axis, shown, model, spec, limit)
    for axis in axes[-1]:
        axis.set_xlabel("Candidate language")
    for axis in axes[:, 0]:
        axis.set_ylabel("Query language")
    figure.align_xlabels(axes[-1])
    bar = figure.colorbar(mesh, ax=axes, label="Change in top-1 accuracy\n(post − pre)", shrink=0.9, aspect=25)
    bar.outline.set_visible(False)
    target = f"intervention target: {spec.names.get(spec.target, spec.target)}"
    marks = [Patch(**OUTLINE, label=target), Patch(color=SAME_LANGUAGE_COLOUR, label="same language")]
    figures.add_legend(figure, [*marks, *figures.unseen_key(spec.models, spec.languages)])
    return figure


def draw_panel(axis: Axes, shown: pd.DataFrame, model: tables.Model, spec: Spec, limit: float) -> QuadMesh:
    """One heat map, coloured from −limit to limit; the row and the column of the target are outlined."""
    count = len(spec.languages)
    matrix = shown.pivot(index="query", columns="candidate", values="change")
    matrix = np.ma.masked_invalid(matrix.reindex(index=spec.languages, columns=spec.languages))
    axis.set_facecolor(SAME_LANGUAGE_COLOUR)
    mesh = axis.pcolormesh(matrix, cmap=COLOUR_MAP, vmin=-limit, vmax=limit, edgecolor="white", linewidth=0.25)
    axis.set_aspect("equal")
    axis.invert_yaxis()
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0, pad=1.5, labelsize=6)
    axis.tick_params(axis="x", rotation=90)
    for direction in (axis.xaxis, axis.yaxis):
        figures.label_languages(direction, np.arange(count) + 0.5, spec.languages, model, bold=spec.target)
    if spec.target in spec.languages:
        here = spec.languages.index(spec.target)
        axis.add_patch(Rectangle((0, here), count, 1, clip_on=False, zorder=3, **OUTLINE))
        axis.add_patch(Rectangle((here, 0), 1, count, clip_on=False, zorder=3, **OUTLINE))
    return mesh


def main(command: list[str] | None = None) -> None:
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"retrieval...": "retrieval accuracies, one CSV a condition, the unintervened model's too"},
        outputs={"pdf": "the figure for print", "png": "the figure for screens", "csv": "what the figure draws"},
        command=command,
    )
    retrieval = tables.read_metrics(files.retrieval, ["similarity", "query", "candidate", "accuracy"])
    drawn = changes(retrieval, spec)
    with figures.style():
        figures.save(draw(drawn, spec), drawn, files.pdf, files.png, files.csv)


if __name__ == "__main__":
    stage.run(main)

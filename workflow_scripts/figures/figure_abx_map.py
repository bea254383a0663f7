"""ABX discrimination of language and of meaning by layer and by step of the training of one model, as heat maps."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from pydantic import Field

from workflow_scripts.config.settings import ModelName
from workflow_scripts.config.specs import SpaceSpec
from workflow_scripts.figures import drawing
from workflow_scripts.figures.abx_scores import COLUMNS
from workflow_scripts.figures.heat_maps import SAME_LANGUAGE_COLOUR
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.jobs import stage
from workflow_scripts.measures.definitions.abx import TASKS
from workflow_scripts.measures.metric_files import grid, read_metrics, select
from workflow_scripts.tables.shown_models import Model

COLOUR_MAP = "Blues"
WIDTH, HEIGHT = 0.38, 0.24  # inches of a cell
DARK = 0.8  # score from which on text is white
LOWEST = 0.5  # score of the lightest colour, which is chance


class Spec(SpaceSpec):
    """What the figure depends on, beside its files."""

    model: Model
    layers: list[str] = Field(min_length=1, description="Layers in their order, the main one among them.")
    steps: list[tuple[ModelName, int]] = Field(
        min_length=1, description="Name of the model at each step, and the step, ascending."
    )


def points(scores: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per cell: model, step, layer, task and score, the mean over ordered pairs of different languages.

    Raises:
        StudyError: an observation is missing.
    """
    steps = dict(spec.steps)
    wanted = grid(
        model=list(steps), layer=spec.layers, units=["none"], task=TASKS, first=spec.languages, second=spec.languages
    )
    wanted = wanted[wanted["first"] != wanted["second"]]
    of_pairs = select(scores, wanted, "ABX scores")
    means = of_pairs.groupby(["model", "layer", "task"], sort=False)["score"].mean().reset_index()
    steps_of_rows = means["model"].map(steps)
    return means.assign(model=spec.model.name, step=steps_of_rows)[["model", "step", "layer", "task", "score"]]


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """Draw a heat map per task: the last layer on top, steps from left to right; the score is in each cell."""
    width = 0.6 + WIDTH * max(len(spec.steps), 3)
    height = 0.7 + HEIGHT * len(spec.layers)
    figure, axes = drawing.grid(1, len(TASKS), width, height, beside=0.7, below=0, sharey=True)
    for axis, task in zip(axes[0], TASKS, strict=True):
        mesh = heat_map(axis, drawn[drawn["task"] == task], spec)
        axis.set_title(task.capitalize())
    axes[0, 0].set_ylabel("Layer")
    bar = figure.colorbar(mesh, ax=axes, label="ABX score", shrink=0.9, aspect=25)
    bar.outline.set_visible(False)
    figure.suptitle(spec.model.label, fontsize=9, fontweight="bold", parse_math=False)
    return figure


def heat_map(axis: Axes, of_task: pd.DataFrame, spec: Spec) -> QuadMesh:
    """Colour and number the cells of one task; one without a score is gray."""
    steps = [step for _, step in spec.steps]
    scores = of_task.set_index(["layer", "step"])["score"].unstack("step").loc[spec.layers, steps]
    axis.set_facecolor(SAME_LANGUAGE_COLOUR)
    look = {"cmap": COLOUR_MAP, "vmin": LOWEST, "vmax": 1, "edgecolor": "white", "linewidth": 0.4}
    mesh = axis.pcolormesh(scores.to_numpy(), **look)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0, pad=2)
    axis.set_xticks([place + 0.5 for place in range(len(steps))], [f"{step:,}" for step in steps], rotation=45)
    axis.set_yticks([place + 0.5 for place in range(len(spec.layers))], spec.layers)
    axis.set_xlabel("Optimiser step")
    for row, of_layer in enumerate(scores.to_numpy()):
        for column, score in enumerate(of_layer):
            colour = "white" if score > DARK else "black"
            axis.text(column + 0.5, row + 0.5, f"{score:.2f}", ha="center", va="center", fontsize=6, color=colour)
    return mesh


def caption(spec: Spec) -> str:
    """Return what the figure shows and how it was computed."""
    return (
        f"ABX scores on {spec.dataset} of {spec.model.label} without an intervention, by layer and after so many "
        f"optimiser steps. Language: the share of {TASKS['language']}. Meaning: the share of {TASKS['meaning']}. By "
        "cosine distance, over all triples, ties counting half: 1 is perfect, 0.5 is chance, and the lightest colour. "
        f"Averaged over the ordered pairs of {len(spec.languages)} languages. Layer n: states after n blocks, 0 the "
        "token embeddings; last: after the final norm."
    )


main = figure_stage(
    Spec,
    __doc__,
    {"abx...": "ABX scores of the unintervened model, one CSV per kept step and layer"},
    read=lambda spec, files: points(read_metrics(files.abx, ["layer", *COLUMNS]), spec),
    draw=draw,
    describe=lambda drawn, spec: ("ABX discrimination by layer and step of the training", caption(spec)),
)


if __name__ == "__main__":
    stage.run(main)

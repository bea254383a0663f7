"""Change in ABX discrimination of language and of meaning by an intervention, for every pair of languages."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from workflow_scripts.figures import drawing
from workflow_scripts.figures.abx_scores import COLUMNS, INPUTS, scores_of_pairs
from workflow_scripts.figures.heat_maps import (
    add_keys,
    heat_map,
    hover_over_cells,
    one_scale_note,
    outline_note,
    square_maps,
)
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.figures.specs import SpacePanelsSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures.definitions.abx import TASKS, symmetrised
from workflow_scripts.measures.metric_files import pair_matrix, read_metrics


def changes(scores: pd.DataFrame, spec: SpacePanelsSpec) -> dict[tuple[str, str, str, str], np.ndarray]:
    """Return the change of score (post − pre) by model, pooling, target and task.

    It is the mean of both orders of a pair: [languages, languages], NaN on the diagonal.

    Raises:
        StudyError: an observation is missing.
    """
    pairs = scores_of_pairs(scores, spec)
    pairs["change"] = pairs["post"] - pairs["pre"]
    found = {}
    for key, of_key in pairs.groupby(["model", "pooling", "target", "task"], sort=False):
        found[key] = symmetrised(pair_matrix(of_key, "change", spec.languages))
    return found


def tidy(found: dict[tuple[str, str, str, str], np.ndarray], spec: SpacePanelsSpec) -> pd.DataFrame:
    """Return one row per coloured cell: model, pooling, target, task, first, second (later in the order) and change."""
    key = ["model", "pooling", "target", "task"]
    return pd.DataFrame(
        [
            {**dict(zip(key, of_key, strict=True)), "first": first, "second": second, "change": matrix[row, column]}
            for of_key, matrix in found.items()
            for row, first in enumerate(spec.languages)
            for column, second in enumerate(spec.languages)
            if row < column
        ]
    )


def draw(found: dict[tuple[str, str, str, str], np.ndarray], spec: SpacePanelsSpec) -> Figure:
    """Draw a heat map for each model and pooling: language discrimination below the diagonal, meaning above."""
    figure, axes = square_maps(spec, spec.languages, "above the diagonal: meaning", "below the diagonal: language")
    sizes = np.abs(np.stack(list(found.values())))
    limit = float(np.max(sizes, where=np.isfinite(sizes), initial=0)) or 1.0
    for axis, panel, pooling in drawing.each_panel(axes, spec):
        language, meaning = (found[panel.model.name, pooling, panel.target, task] for task in TASKS)
        mesh = heat_map(axis, np.tril(language) + np.triu(meaning), spec.languages, panel, limit)
    unseen = drawing.unseen_key(spec.models, spec.languages)
    add_keys(figure, axes, mesh, "Change in ABX score\n(post − pre)", "intervention target", unseen)
    return figure


def caption(spec: SpacePanelsSpec) -> str:
    """Return what the figure shows and how it was computed."""
    return drawing.joined(
        f"Change in ABX score (post − pre) on {spec.dataset} by the intervention on experts of {spec.target_names}, "
        "for each pair of languages the mean of both orders. Below the diagonal, language discrimination: the share of "
        f"{TASKS['language']}. Above it, meaning discrimination: the share of {TASKS['meaning']}. Blue: more "
        "triples are discriminated after the intervention; red: fewer are; white: no change.",
        one_scale_note(spec),
        outline_note(spec, spec.languages),
        drawing.unseen_note(spec.models, spec.languages),
    )


def hover(figure: Figure, found: dict[tuple[str, str, str, str], np.ndarray], spec: SpacePanelsSpec) -> list:
    """Return what is said of each cell: its languages, the task and the change."""
    said = []
    for axis, panel, pooling in drawing.each_panel(drawing.panel_axes(figure, spec), spec):
        of_task = {task: found[panel.model.name, pooling, panel.target, task] for task in TASKS}

        def of_cell(row: int, column: int, of_task=of_task) -> str:
            task = "language" if row > column else "meaning"
            names = " and ".join(spec.name(spec.languages[place]) for place in (row, column))
            return f"{names}, {task}: {of_task[task][row, column]:+.3f}".replace("-", "−")

        said.append(hover_over_cells(axis, spec.languages, of_cell))
    return said


main = figure_stage(
    SpacePanelsSpec,
    __doc__,
    INPUTS,
    read=lambda spec, files: changes(read_metrics(files.abx, COLUMNS), spec),
    draw=draw,
    describe=lambda found, spec: ("Change of ABX discrimination by pair of languages", caption(spec)),
    as_frame=tidy,
    hover=hover,
)


if __name__ == "__main__":
    stage.run(main)

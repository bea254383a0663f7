"""Change in ABX discrimination of language and of meaning by an intervention, for every pair of languages."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from workflow_scripts.figures import drawing
from workflow_scripts.figures.abx_scores import Spec, scores_of_pairs
from workflow_scripts.figures.heat_maps import OUTLINE, SAME_LANGUAGE_COLOUR, heat_map
from workflow_scripts.jobs import stage
from workflow_scripts.measures.definitions.abx import TASKS, symmetrised
from workflow_scripts.measures.metric_files import pair_matrix, read_metrics

INCHES_PER_LANGUAGE = 0.1


def changes(scores: pd.DataFrame, spec: Spec) -> dict[tuple[str, str, str, str], np.ndarray]:
    """Change of score (post − pre), the mean of both orders of a pair: [languages, languages], NaN on the diagonal.

    By model, pooling, target and task.

    Raises:
        StudyError: an observation is missing.
    """
    pairs = scores_of_pairs(scores, spec)
    pairs["change"] = pairs["post"] - pairs["pre"]
    found = {}
    for key, of_key in pairs.groupby(["model", "pooling", "target", "task"], sort=False):
        found[key] = symmetrised(pair_matrix(of_key, "change", spec.languages))
    return found


def tidy(found: dict[tuple[str, str, str, str], np.ndarray], spec: Spec) -> pd.DataFrame:
    """One row a coloured cell: model, pooling, target, task, first, second (later in the order) and change."""
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


def draw(found: dict[tuple[str, str, str, str], np.ndarray], spec: Spec) -> Figure:
    """A heat map for each model and pooling: language discrimination below the diagonal, meaning above."""
    side = max(1.6, INCHES_PER_LANGUAGE * len(spec.languages)) + 0.4
    figure, axes = drawing.panels(spec.panels, spec.poolings, width=side, height=side, beside=0.8)
    sizes = np.abs(np.stack(list(found.values())))
    limit = float(np.max(sizes, where=np.isfinite(sizes), initial=0)) or 1.0
    for row, pooling in zip(axes, spec.poolings, strict=True):
        for axis, panel in zip(row, spec.panels, strict=True):
            language, meaning = (found[panel.model.name, pooling, panel.target, task] for task in TASKS)
            mesh = heat_map(axis, np.tril(language) + np.triu(meaning), spec.languages, panel, limit)
    for axis in axes[-1]:
        axis.set_xlabel("above the diagonal: meaning")
    for axis in axes[:, 0]:
        axis.set_ylabel("below the diagonal: language")
    figure.align_xlabels(axes[-1])
    bar = figure.colorbar(mesh, ax=axes, label="Change in ABX score\n(post − pre)", shrink=0.9, aspect=25)
    bar.outline.set_visible(False)
    marks = [
        Patch(**OUTLINE, label="intervention target"),
        Patch(color=SAME_LANGUAGE_COLOUR, label="same language"),
    ]
    drawing.add_legend(figure, [*marks, *drawing.unseen_key([panel.model for panel in spec.panels], spec.languages)])
    return figure


def caption(spec: Spec) -> str:
    """What the figure shows and how it was computed."""
    targets = ", ".join(dict.fromkeys(spec.names.get(panel.target, panel.target) for panel in spec.panels))
    return (
        f"Change in ABX score (post − pre) on {spec.dataset} by the intervention on experts of {targets}, for each "
        "pair of languages the mean of both orders. Below the diagonal, language discrimination: the share of "
        f"{TASKS['language']}. Above it, meaning discrimination: the share of {TASKS['meaning']}. Blue: more "
        "triples are discriminated after the intervention; red: fewer are. All panels share one colour scale, white "
        "at no change. The row and the column of the target are outlined. Languages that the model has not seen in "
        "pre-training are red and have an asterisk."
    )


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"abx...": "ABX scores, one CSV a condition, the unintervened model's too"},
        outputs=drawing.OUTPUTS,
        command=command,
    )
    found = changes(read_metrics(files.abx, ["task", "first", "second", "score"]), spec)
    with drawing.style():
        title = "Change of ABX discrimination by pair of languages"
        drawing.save(draw(found, spec), tidy(found, spec), title, caption(spec), files)


if __name__ == "__main__":
    stage.run(main)

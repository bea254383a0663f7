"""Figure 4: top-1 retrieval accuracy for each candidate language, without and with the intervention.

The query language is the target of the intervention.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from pydantic import Field

from workflow_scripts.lib import figures, stage, tables

BAR_THICKNESS = 0.4  # of the distance between two languages
INCHES_PER_LANGUAGE = 0.155


class Spec(stage.Spec):
    """What Figure 4 shows."""

    models: list[tables.Model] = Field(min_length=1, description="Models in the order of the panels.")
    poolings: list[str] = Field(min_length=1, description="How a neuron's response was pooled; a row of panels each.")
    target: str = Field(description="Intervention target and query language.")
    languages: list[str] = Field(min_length=2, description="Candidate languages from top to bottom.")
    similarity: str = Field(description="Similarity of retrieval.")
    names: dict[str, str] = Field(
        default_factory=dict, description="Language names for the mark of the query language."
    )


def accuracies(retrieval: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """One row a bar pair: model, pooling, target, similarity, query, candidate, seen, pre and post.

    Raises:
        StudyError: an observation is missing.
    """
    wanted = tables.grid(
        model=[model.name for model in spec.models],
        pooling=spec.poolings,
        target=[spec.target],
        similarity=[spec.similarity],
        query=[spec.target],
        candidate=[language for language in spec.languages if language != spec.target],
    )
    models = {model.name: model for model in spec.models}
    seen = [models[name].has_seen(code) for name, code in zip(wanted["model"], wanted["candidate"], strict=True)]
    drawn = tables.pre_and_post(retrieval, wanted, "accuracy", "retrieval accuracies")
    drawn.insert(drawn.columns.get_loc("pre"), "seen", seen)
    return drawn


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """A panel for each model and pooling: two bars a candidate language, none for the query language."""
    height = 0.5 + INCHES_PER_LANGUAGE * len(spec.languages)
    figure, axes = figures.panels(spec.models, spec.poolings, width=2.2, height=height, sharex=True)
    for row, pooling in zip(axes, spec.poolings, strict=True):
        for axis, model in zip(row, spec.models, strict=True):
            shown = drawn[(drawn["model"] == model.name) & (drawn["pooling"] == pooling)]
            draw_panel(axis, shown.set_index("candidate"), model, spec)
    highest = drawn[["pre", "post"]].max(axis=None)
    axes[0, 0].set_xlim(0, min(1, 1.05 * highest) if highest > 0 else 1)
    for axis in axes[-1]:
        axis.set_xlabel("Top-1 accuracy")
    for axis in axes[:, 0]:
        axis.set_ylabel("Candidate language")
    bars = [
        Patch(color=figures.PRE_COLOUR, label="pre-intervention"),
        Patch(color=figures.POST_COLOUR, label="post-intervention"),
    ]
    figures.add_legend(figure, [*bars, *figures.unseen_key(spec.models, spec.languages)])
    return figure


def draw_panel(axis: Axes, accuracy: pd.DataFrame, model: tables.Model, spec: Spec) -> None:
    """Two bars for each candidate language, from top to bottom; `accuracy` has pre and post, indexed by language."""
    candidates = [language for language in spec.languages if language != spec.target]
    positions = np.array([spec.languages.index(language) for language in candidates])
    for space, side, colour in (("pre", -0.5, figures.PRE_COLOUR), ("post", 0.5, figures.POST_COLOUR)):
        widths = accuracy.loc[candidates, space]
        axis.barh(positions + side * BAR_THICKNESS, widths, height=BAR_THICKNESS, color=colour, linewidth=0)
    axis.grid(axis="x")
    axis.set_ylim(len(spec.languages) - 0.4, -0.6)
    figures.label_languages(axis.yaxis, np.arange(len(spec.languages)), spec.languages, model, bold=spec.target)
    if spec.target in spec.languages:
        text = f"query: {spec.names.get(spec.target, spec.target)}"
        place = {"xytext": (3, 0), "textcoords": "offset points", "va": "center_baseline"}
        look = {"size": 6.5, "style": "italic", "color": figures.MUTED_COLOUR}
        axis.annotate(text, (0, spec.languages.index(spec.target)), **place, **look)


def main(command: list[str] | None = None) -> None:
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"retrieval...": "retrieval accuracies, one CSV a condition, the unintervened model's too"},
        outputs={"pdf": "the figure for print", "png": "the figure for screens", "csv": "what the figure draws"},
        command=command,
    )
    retrieval = tables.read_metrics(files.retrieval, ["similarity", "query", "candidate", "accuracy"])
    drawn = accuracies(retrieval, spec)
    with figures.style():
        figures.save(draw(drawn, spec), drawn, files.pdf, files.png, files.csv)


if __name__ == "__main__":
    stage.run(main)

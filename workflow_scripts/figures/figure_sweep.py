"""Figure 2: how often the target language is generated, and log perplexity, against the number of experts."""

import textwrap
from argparse import Namespace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pydantic import Field

from workflow_scripts.config.settings import (
    DatasetName,
    GeneratedSentences,
    Identifier,
    Ks,
    LanguageNames,
    ModelName,
    SamplingSeeds,
    StandardError,
)
from workflow_scripts.figures import drawing
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import grid, read_metrics, select
from workflow_scripts.sweeps.identification import IDENTIFIERS
from workflow_scripts.tables.shown_models import Model, without_text
from workflow_scripts.tables.specs import TargetsSpec

ACCURACY, LOG_PERPLEXITY = "language_id_accuracy", "log_perplexity"
MEASURES = {ACCURACY: "Language ID accuracy", LOG_PERPLEXITY: "Log perplexity"}
SEEN = {"linestyle": "-"}
UNSEEN = {"linestyle": (0, (4, 1.5)), "markerfacecolor": "white"}
MOST_LETTERS = 32  # of a line above a panel
MOST_WIDTH, HEIGHT = 2.5, 1.7  # inches of a panel


class Spec(TargetsSpec):
    """What the figure depends on, beside its files."""

    ks: Ks
    chosen: dict[ModelName, int] = Field(description="Number of experts in the rest of the study, by model.")
    names: LanguageNames
    identifier: Identifier
    sentences: GeneratedSentences
    seeds: SamplingSeeds
    dataset: DatasetName
    standard_error: StandardError
    left_out: list[Model] = Field(description="Models of the study that write no text.")


def measurements(language_id: pd.DataFrame, perplexity: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per point: model, pooling, target, k, measure, value, low, high.

    Accuracy is the mean over sample seeds, low and high are the extremes. Log perplexity has its standard error over
    windows at either side, none where that is unknown.

    Raises:
        StudyError: an observation is missing.
    """
    keys = grid(**spec.conditions, k=spec.ks)
    same_identifier = keys.assign(identifier=spec.identifier)
    by_seed = [
        select(language_id, same_identifier.assign(sample_seed=seed), "identified languages")["accuracy"].to_numpy()
        for seed in spec.seeds
    ]
    spread = np.stack(by_seed, axis=1)
    accuracy = {"value": spread.mean(axis=1), "low": spread.min(axis=1), "high": spread.max(axis=1)}
    found = select(perplexity, keys, "perplexities")
    value = found["log_perplexity"].to_numpy()
    error = found["log_perplexity_error"].fillna(0).to_numpy()
    log_perplexity = {"value": value, "low": value - error, "high": value + error}
    measured = {ACCURACY: accuracy, LOG_PERPLEXITY: log_perplexity}
    return pd.concat([keys.assign(measure=name, **columns) for name, columns in measured.items()], ignore_index=True)


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """Draw two rows of panels per pooling, for accuracy and for log perplexity, and a column per model."""
    rows = [(pooling, measure) for pooling in spec.poolings for measure in MEASURES]
    width = min(MOST_WIDTH, drawing.PAGE_WIDTH / len(spec.models))
    figure, axes = drawing.grid(len(rows), len(spec.models), width, HEIGHT, sharex=True)
    by_panel = dict(iter(drawn.groupby(["model", "pooling", "measure"])))
    for row, (pooling, measure) in zip(axes, rows, strict=True):
        for axis, model in zip(row, spec.models, strict=True):
            draw_panel(axis, by_panel[model.name, pooling, measure], model, spec)
            if measure == ACCURACY:
                axis.set_ylim(-0.03, 1.03)
                add_title(axis, model, pooling, spec)
        row[0].set_ylabel(MEASURES[measure])
    for column in axes.T:
        share_limits(column[1::2])
        column[-1].set_xlabel("Number of experts")
    figure.align_ylabels(axes[:, 0])
    drawing.add_legend(figure, legend_handles(spec))
    return figure


def draw_panel(axis: Axes, points: pd.DataFrame, model: Model, spec: Spec) -> None:
    """Draw a line with a band for each target; numbers of experts are equally far apart."""
    positions = np.arange(len(spec.ks))
    if (chosen := chosen_position(model, spec)) is not None:
        axis.axvline(chosen, color=drawing.MUTED_COLOUR, linewidth=0.7, zorder=1)
    for target, look in drawing.looks(spec.targets).items():
        line = points[points["target"] == target].set_index("k").loc[spec.ks]
        known = SEEN if model.has_seen(target) else UNSEEN
        axis.fill_between(positions, line["low"], line["high"], color=look["color"], alpha=0.18, linewidth=0)
        axis.plot(positions, line["value"], **drawing.LINE, **look, **known, zorder=3)
    axis.set_xticks(positions, [str(k) for k in spec.ks])
    axis.grid(axis="y")


def chosen_position(model: Model, spec: Spec) -> float | None:
    """Return where the model's number of experts is on the axis; None where it is unknown or outside the sweep."""
    chosen = spec.chosen.get(model.name)
    if chosen is None or not spec.ks[0] <= chosen <= spec.ks[-1]:
        return None
    return float(np.interp(chosen, spec.ks, np.arange(len(spec.ks))))


def unseen(model: Model, spec: Spec) -> list[str]:
    """Return targets that the model has not seen in pre-training."""
    return [target for target in spec.targets if not model.has_seen(target)]


def add_title(axis: Axes, model: Model, pooling: str, spec: Spec) -> None:
    """Title a panel by its model, and by the pooling if there are several; name the unseen targets below, in red."""
    title = drawing.pooled_title(model.label, pooling, spec.poolings)
    # Where one model has such lines, the others leave room for them, so that all titles are at one height.
    lines = max(unseen_text(other, spec).count("\n") + 1 for other in spec.models)
    room = {"pad": 6 + 8 * lines} if any(unseen(other, spec) for other in spec.models) else {}
    axis.set_title(title, parse_math=False, **room)
    if text := unseen_text(model, spec):
        place = {"xycoords": "axes fraction", "xytext": (0, 4), "textcoords": "offset points", "ha": "center"}
        axis.annotate(text, (0.5, 1), **place, size=6.5, color=drawing.UNSEEN_COLOUR)


def unseen_text(model: Model, spec: Spec) -> str:
    """Return the lines that name a model's unseen targets; nothing where it has seen all."""
    targets = unseen(model, spec)
    return textwrap.fill("not seen: " + ", ".join(f"{each}*" for each in targets), MOST_LETTERS) if targets else ""


def share_limits(axes: np.ndarray) -> None:
    """Give the panels of one model's log perplexities the same limits.

    Not those of several models, whose perplexities do not compare: their tokens differ.
    """
    limits = np.array([axis.get_ylim() for axis in axes])
    for axis in axes:
        axis.set_ylim(limits[:, 0].min(), limits[:, 1].max())


def legend_handles(spec: Spec) -> list[Line2D]:
    """Return what the legend explains: targets, and dashed and vertical lines if there are any."""
    handles = [
        Line2D([], [], **drawing.LINE, **look, **SEEN, label=spec.names.get(target, target))
        for target, look in drawing.looks(spec.targets).items()
    ]
    muted = {"color": drawing.MUTED_COLOUR}
    if any(unseen(model, spec) for model in spec.models):
        handles.append(Line2D([], [], **drawing.LINE, **muted, **UNSEEN, marker="o", label="not seen in pre-training"))
    if any(chosen_position(model, spec) is not None for model in spec.models):
        vertical = {"linestyle": "none", "marker": "|", "markersize": 9, "markeredgewidth": 0.7}
        handles.append(Line2D([], [], **muted, **vertical, label="chosen number"))
    return handles


def caption(spec: Spec) -> str:
    """Return what the figure shows and how it was computed."""
    read = (
        ""
        if spec.standard_error is None
        else "It is estimated from windows of the text, drawn at random until that error, and that of the difference "
        f"from the unintervened model, is at most {spec.standard_error:g} as an estimate of the whole text's. "
    )
    text = (
        f"Upper panels: share of generated texts that {IDENTIFIERS[spec.identifier].title} takes for the target of "
        f"the intervention, by number of experts: mean and range over {len(spec.seeds)} random seeds of "
        f"{spec.sentences} texts each. Lower panels: log perplexity of {spec.dataset} in the target language and its "
        f"standard error over windows. {read}0 is the unintervened model; numbers of experts are spaced equally."
    )
    if any(unseen(model, spec) for model in spec.models):
        text += (
            " Lines of targets that the model has not seen in pre-training are dashed with hollow marks; their codes "
            "above the panel are red and have an asterisk."
        )
    if any(chosen_position(model, spec) is not None for model in spec.models):
        text += " The vertical line is the number of experts in the rest of the study."
    return f"{text} {without_text(spec.left_out)}".rstrip()


def read(spec: Spec, files: Namespace) -> pd.DataFrame:
    """Return what is drawn from the files of the sweeps."""
    language_id = read_metrics(files.language_id, ["k", "identifier", "sample_seed", "accuracy"])
    perplexity = read_metrics(files.perplexity, ["k", "log_perplexity", "log_perplexity_error"])
    return measurements(language_id, perplexity, spec)


main = figure_stage(
    Spec,
    __doc__,
    {
        "language-id...": "share of generated texts in the target language, one CSV per model, target and pooling",
        "perplexity...": "perplexity of text in the target language, one CSV per model, target and pooling",
    },
    read,
    draw,
    describe=lambda drawn, spec: ("Language ID accuracy and log perplexity", caption(spec)),
)


if __name__ == "__main__":
    stage.run(main)

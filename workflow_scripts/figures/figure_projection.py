"""Figures 3, 6–20 and 27–29: UMAP of all sentences before and after an intervention, a panel per model and target."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from pydantic import Field

from workflow_scripts.config.fields import Seed
from workflow_scripts.config.settings import Components, MinDistance, Neighbours, ProjectedSentences, Units
from workflow_scripts.figures import drawing
from workflow_scripts.figures.colours import oklch_to_rgb
from workflow_scripts.figures.labels import move_apart
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.figures.specs import SpacePanelsSpec
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.parquet import read_parquet
from workflow_scripts.measures.metric_files import grid, select
from workflow_scripts.tables.shown_models import Panel

COLUMNS = ["model", "condition", "target", "pooling", "units", "k", "seed", "space", "language", "id", "x", "y"]
# The paper's marks and labels of the two spaces.
MARKERS = {"pre": "o", "post": "x"}
LABELS = {"pre": "{}", "post": "{}*"}

PANEL_SIZE = 2.95  # inches
REACH = 0.015  # of the pointer, as a share of a panel
MARGIN = 0.05  # on each side, of the extent of a panel's sentences
# In points:
LABEL_SIZE = 6.5
SMALL_CLOUD = 20.0  # width and height below which no label may cover a cloud
MARK_REACH = 1.0  # of a mark from the place of its sentence


class Spec(SpacePanelsSpec):
    """What the figure depends on, beside its files."""

    units: Units
    seed: Seed | None = Field(description="Seed of the draw of the random control; null for experts.")
    sentences: ProjectedSentences
    neighbours: Neighbours
    min_distance: MinDistance
    components: Components


def read_projections(paths: list[Path]) -> pd.DataFrame:
    """Concatenate projections: one row per sentence and space; the column `file` says which file it is from.

    Raises:
        StudyError: a file is damaged or no projection.
    """
    frames = []
    for path in paths:
        frames.append(read_parquet(path, columns=COLUMNS).to_pandas().assign(file=str(path)))
    return pd.concat(frames, ignore_index=True)


def positions(projections: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return the sentences that the figure shows, with their coordinates and whether the model has seen their language.

    Raises:
        StudyError: the projection of a panel or of a language in it is missing, or there are two.
    """
    wanted = pd.concat([panel_clouds(panel, spec) for panel in spec.panels], ignore_index=True)
    key = [column for column in wanted.columns if column != "seen"]
    clouds = projections.drop_duplicates(["file", "condition", *key])
    found = select(clouds, wanted[key], "projections")
    wanted = wanted.assign(file=found["file"].to_numpy(), condition=found["condition"].to_numpy())
    shown = wanted.merge(projections, how="left", on=["file", "condition", *key])
    return shown[[*COLUMNS[:-3], "seen", *COLUMNS[-3:]]]


def panel_clouds(panel: Panel, spec: Spec) -> pd.DataFrame:
    """Return the keys of one column's clouds, and whether the model has seen the language."""
    of_control = {"seed": [spec.seed]} if spec.units == "random" else {}
    keys = grid(
        model=[panel.model.name],
        pooling=spec.poolings,
        target=[panel.target],
        units=[spec.units],
        **of_control,
        space=list(MARKERS),
        language=spec.languages,
    )
    return keys.assign(seen=[panel.model.has_seen(language) for language in keys["language"]])


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """Draw axes per panel and pooling: a mark per sentence in either space, a label per language and space."""
    figure, axes = drawing.panels(spec, PANEL_SIZE, PANEL_SIZE, "UMAP 1", "UMAP 2")
    labels = {}
    for axis, panel, pooling in drawing.each_panel(axes, spec):
        sentences = drawing.of_panel(drawn, panel, pooling)
        draw_sentences(axis, sentences, spec.languages)
        labels[axis] = label_clouds(axis, sentences, panel)
    drawing.add_legend(figure, legend_entries(spec))
    figure.draw_without_rendering()  # only now is known where on the page the panels are
    for axis, panel, pooling in drawing.each_panel(axes, spec):
        move_apart(axis, labels[axis], small_clouds(axis, drawing.of_panel(drawn, panel, pooling)))
    return figure


def draw_sentences(axis: Axes, sentences: pd.DataFrame, languages: list[str]) -> None:
    """Draw a mark for each sentence; the axes show a square of the plane, since UMAP's two directions are alike."""
    area = np.clip(20_000 / len(sentences), 1.5, 8)  # points²
    looks = {"pre": {"s": area, "linewidths": 0}, "post": {"s": 1.6 * area, "linewidths": 0.35}}
    colours = language_colours(languages)
    for space, marker in MARKERS.items():
        # By sentence, not by language, so that no language covers another.
        cloud = sentences[sentences["space"] == space].sort_values("id", kind="stable")
        colour = np.stack([colours[space][language] for language in cloud["language"]])
        axis.scatter(cloud["x"], cloud["y"], c=colour, marker=marker, rasterized=True, **looks[space])
    plane = sentences[["x", "y"]].to_numpy(dtype=np.float64)
    least, most = plane.min(axis=0), plane.max(axis=0)
    side = max((most - least).max(), 1e-3) * (1 + 2 * MARGIN)
    (left, bottom), (right, top) = (least + most) / 2 + np.array([[-0.5], [0.5]]) * side
    axis.set_box_aspect(1)
    axis.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])


def label_clouds(axis: Axes, sentences: pd.DataFrame, panel: Panel) -> list[Annotation]:
    """Add a label at the median of each language in each space; labels may still overlap."""
    labels = []
    for (space, language), cloud in sentences.groupby(["space", "language"])[["x", "y"]]:
        label = axis.annotate(
            LABELS[space].format(language),
            cloud.median().to_numpy(),
            xytext=(0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            size=LABEL_SIZE,
            color="black" if panel.model.has_seen(language) else drawing.UNSEEN_COLOUR,
            weight="bold" if language == panel.target else "normal",
            bbox={"boxstyle": "square,pad=0", "facecolor": "white", "alpha": 0.65, "linewidth": 0},
            in_layout=False,
            zorder=4,
        )
        labels.append(label)
    return labels


def small_clouds(axis: Axes, sentences: pd.DataFrame) -> np.ndarray:
    """Return the lower left and upper right corners of clouds that a label would hide, in points: [clouds, 2, 2]."""
    places = axis.transData.transform(sentences[["x", "y"]].to_numpy()) * 72 / axis.figure.dpi
    of_clouds = pd.DataFrame(places).groupby([sentences[name].to_numpy() for name in ("space", "language")])
    corners = np.stack([of_clouds.quantile(0.05), of_clouds.quantile(0.95)], axis=1)
    small = (corners[:, 1] - corners[:, 0] < SMALL_CLOUD).all(axis=1)
    return corners[small] + np.array([[-MARK_REACH], [MARK_REACH]])


def language_colours(languages: list[str]) -> dict[str, dict[str, np.ndarray]]:
    """Return for either space a colour [red, green, blue] per language: one hue each, light before and dark after.

    Lightness and chroma alternate, since so many hues alone are hard to tell apart.
    """
    hues = 2 * np.pi * np.arange(len(languages)) / len(languages)
    odd = np.arange(len(languages)) % 2
    before = oklch_to_rgb(0.83 - 0.08 * odd, 0.10 + 0.04 * odd, hues)
    after = oklch_to_rgb(0.55 - 0.13 * odd, 0.16 - 0.04 * odd, hues)
    return {"pre": dict(zip(languages, before, strict=True)), "post": dict(zip(languages, after, strict=True))}


def hover(figure: Figure, drawn: pd.DataFrame, spec: Spec) -> list[drawing.Hover]:
    """Return what is said of each sentence: its language and the space."""
    found = []
    for axis, panel, pooling in drawing.each_panel(drawing.panel_axes(figure, spec), spec):
        sentences = drawing.of_panel(drawn, panel, pooling)
        texts = [
            f"{spec.name(language)}, {'before' if space == 'pre' else 'after'} the intervention"
            for space in MARKERS
            for language in spec.languages
        ]
        order = {space: number * len(spec.languages) for number, space in enumerate(MARKERS)}
        said = sentences["space"].map(order) + sentences["language"].map(spec.languages.index)
        places = sentences[["x", "y"]].to_numpy(dtype=np.float64)
        found.append(drawing.Hover(axis, places, (REACH, REACH), texts, said.to_numpy()))
    return found


def legend_entries(spec: Spec) -> list[Line2D]:
    """Return what dots, crosses, asterisks and red mean."""
    example = spec.panels[0].target
    after = "post-intervention" + (" on random neurons" if spec.units == "random" else "")
    mark = {"linestyle": "none", "markersize": 4}
    entries = [
        Line2D([], [], marker="o", color="#B0B0B0", label=f"pre-intervention, labelled {example}", **mark),
        Line2D([], [], marker="x", color="#303030", label=f"{after}, labelled {example}*", **mark),
    ]
    if not all(panel.model.has_seen(language) for panel in spec.panels for language in spec.languages):
        # Not `figures.unseen_key`, whose asterisk means another thing here.
        red = {"marker": "s", "color": drawing.UNSEEN_COLOUR, **mark}
        entries.append(Line2D([], [], label="red label: not seen in pre-training", **red))
    return entries


def caption(spec: Spec) -> str:
    """Return what the figure shows and how it was computed."""
    units = "experts" if spec.units == "expert" else f"random neurons (draw {spec.seed}), given the experts' values,"
    which = "all sentences" if spec.sentences is None else f"the first {spec.sentences:,} sentences"
    reduced = "" if spec.components is None else f" of the first {spec.components} principal components"
    return drawing.joined(
        f"UMAP of {which} of {spec.dataset} in {len(spec.languages)} languages before (light dots) and after (dark "
        f"crosses) the intervention on {units} of {spec.target_names}, fitted on both together (cosine "
        f"distance{reduced}, "
        f"{spec.neighbours} neighbours, minimal distance {spec.min_distance:g}). The code of a language is near the "
        "median of its sentences, with an asterisk after the intervention; the target is bold.",
        "Codes of languages that the model has not seen in pre-training are red."
        if drawing.unseen_key(spec.models, spec.languages)
        else "",
    )


def title(spec: Spec) -> str:
    """Return the title of the figure."""
    return "Embedding space (UMAP)" + (" under random neurons" if spec.units == "random" else "")


main = figure_stage(
    Spec,
    __doc__,
    {"projections...": "UMAP of the spaces before and after interventions, one parquet file per model"},
    read=lambda spec, files: positions(read_projections(files.projections), spec),
    draw=draw,
    describe=lambda drawn, spec: (title(spec), caption(spec)),
    hover=hover,
)


if __name__ == "__main__":
    stage.run(main)

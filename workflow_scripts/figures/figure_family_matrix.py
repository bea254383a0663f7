"""Retrieval accuracy of all pairs of languages, ordered by family, and its change by the intervention on each target.

Readable for hundreds of languages: a cell of a pair has no label, but families have.
"""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from pydantic import Field

from workflow_scripts.config.fields import LanguageCode
from workflow_scripts.config.settings import ShownSimilarity
from workflow_scripts.figures import drawing
from workflow_scripts.figures.heat_maps import COLOUR_MAP, SAME_LANGUAGE_COLOUR
from workflow_scripts.figures.run import figure_stage
from workflow_scripts.figures.specs import SpacePanelsSpec
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import pair_matrix, pre_and_post, read_metrics

ACCURACY_MAP = "Blues"
WIDTH, HEIGHT = 3.15, 2.35  # inches of a panel with its labels and its colour bar
SIDE = 1.95  # inches of a matrix, about
LABEL_INCHES = 0.1  # that a family's label needs along an axis
OTHERS = "others"
BORDER = {"color": "#24292F", "linewidth": 0.4}
PERCENTILE = 99.5  # of what colours must tell apart; a few pairs beyond have the last colour
LIMITS = (0.05, 1.0)  # between which the end of a colour scale is


class Spec(SpacePanelsSpec):
    """What the figure depends on, beside its files."""

    similarity: ShownSimilarity
    family: dict[LanguageCode, str] = Field(description="Top-level family of each language.")
    script: dict[LanguageCode, str] = Field(description="ISO 15924 code of each language's script.")


def by_family(spec: Spec) -> tuple[list[str], list[tuple[str, int]]]:
    """Return the languages in the order of the matrix, and how many each family has there, those marked by name.

    The largest family comes first, within it the most frequent script; families too small for a label are together at
    the end.
    """
    sizes, scripts = (
        pd.Series([of[code] for code in spec.languages]).value_counts() for of in (spec.family, spec.script)
    )
    smallest = math.ceil(LABEL_INCHES * len(spec.languages) / SIDE)

    def place(code: str) -> tuple:
        family, script = spec.family[code], spec.script[code]
        small = sizes[family] < smallest
        return small, -sizes[family], family, -scripts[script], script, code

    ordered = sorted(spec.languages, key=place)
    named = pd.Series([spec.family[code] if sizes[spec.family[code]] >= smallest else OTHERS for code in ordered])
    counts = named.value_counts(sort=False)
    return ordered, [(name, int(counts[name])) for name in dict.fromkeys(named)]


def accuracies(retrieval: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return one row per cell: its key, pre, post and their difference `change`.

    Raises:
        StudyError: an accuracy is missing.
    """
    wanted = spec.grid(similarity=[spec.similarity], query=spec.languages, candidate=spec.languages)
    wanted = wanted[wanted["query"] != wanted["candidate"]].reset_index(drop=True)
    found = pre_and_post(retrieval, wanted, "accuracy", "accuracies of retrieval")
    return found.assign(change=found["post"] - found["pre"])


def draw(drawn: pd.DataFrame, spec: Spec) -> Figure:
    """Draw matrices per pooling, queries down and candidates across: before, then the change by each target."""
    ordered, families = by_family(spec)
    figure, axes, firsts, lasts = drawing.wrapped(len(spec.poolings), 1 + len(spec.panels), WIDTH, HEIGHT, below=0)
    accuracy, change = scale(drawn["pre"]), scale(drawn["change"].abs())
    for row, pooling in zip(axes, spec.poolings, strict=True):
        before = drawing.of_panel(drawn, spec.panels[0], pooling)
        image = draw_matrix(row[0], pair_matrix(before, "pre", ordered), families, ACCURACY_MAP, 0, accuracy)
        row[0].set_title(drawing.pooled_title("Before the intervention", pooling, spec.poolings))
        add_bar(image, "Top-1 accuracy", "max" if (drawn["pre"] > accuracy).any() else "neither")
        for axis, panel in zip(row[1:], spec.panels, strict=True):
            after = drawing.of_panel(drawn, panel, pooling)
            image = draw_matrix(axis, pair_matrix(after, "change", ordered), families, COLOUR_MAP, -change, change)
            axis.set_title(drawing.pooled_title(f"Change: {panel.title}", pooling, spec.poolings), parse_math=False)
            add_bar(image, "Post − pre", "both" if (drawn["change"].abs() > change).any() else "neither")
    for axis in axes.ravel():
        axis.set_xticks([])
        label_families(axis, families if axis in firsts else [])
    for axis in firsts.ravel():
        axis.set_ylabel("Query language")
    for axis in lasts:
        axis.set_xlabel("Candidate language, in the same order")
    return figure


def scale(values: pd.Series) -> float:
    """Return where a colour scale ends: at the percentile of the values, within the limits."""
    return float(np.clip(np.percentile(values, PERCENTILE), *LIMITS))


def draw_matrix(
    axis: Axes, values: np.ndarray, families: list[tuple[str, int]], colours: str, low: float, high: float
) -> AxesImage:
    """Draw values [languages, languages], those on the diagonal gray, with lines between families."""
    axis.set_facecolor(SAME_LANGUAGE_COLOUR)
    look = {"cmap": colours, "vmin": low, "vmax": high, "interpolation": "nearest"}
    image = axis.imshow(np.ma.masked_invalid(values), **look)
    for border in np.cumsum([count for _, count in families])[:-1] - 0.5:
        axis.axhline(border, **BORDER)
        axis.axvline(border, **BORDER)
    axis.spines[:].set_visible(False)
    return image


def label_families(axis: Axes, families: list[tuple[str, int]]) -> None:
    """Label the rows of a matrix with families, each in the middle of its languages."""
    counts = np.array([count for _, count in families], dtype=int)
    axis.set_yticks(np.cumsum(counts) - counts / 2 - 0.5, [name for name, _ in families])
    axis.tick_params(length=0, pad=2, labelsize=drawing.LEAST_TEXT)


def add_bar(image: AxesImage, label: str, extend: str) -> None:
    """Add the colour bar of a matrix beside it."""
    bar = image.figure.colorbar(image, ax=image.axes, label=label, shrink=0.75, aspect=25, pad=0.02, extend=extend)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=drawing.LEAST_TEXT)


def caption(spec: Spec, drawn: pd.DataFrame) -> str:
    """Return what the figure shows and how it was computed."""
    _, families = by_family(spec)
    count = len(spec.languages)
    return drawing.joined(
        f"Top-1 accuracy of retrieval on {spec.dataset} by {spec.similarity.replace('_', ' ')} before the "
        f"intervention, and its change by the intervention on experts of {spec.target_names} (blue: more queries find "
        f"their translation after it; red: fewer do), for the {count * (count - 1):,} ordered pairs of {count} "
        "languages. Languages are ordered by family (Glottolog), within a family by script; lines stand between "
        "families.",
        f"The last group ({OTHERS}) holds families with fewer languages than a label has room for."
        if families[-1][0] == OTHERS
        else "",
        f"Mean before: {drawn['pre'].mean():.3f}; after: {means_after(drawn, spec)}.",
    )


def means_after(drawn: pd.DataFrame, spec: Spec) -> str:
    """Return the mean accuracy after the intervention on each target, by each pooling."""
    means = drawn.groupby(["pooling", "target"], sort=False)["post"].mean()
    named = [
        f"{means[pooling, target]:.3f} ({spec.name(target)}{f', {pooling}' if len(spec.poolings) > 1 else ''})"
        for pooling in spec.poolings
        for target in spec.targets
    ]
    return ", ".join(named)


main = figure_stage(
    Spec,
    __doc__,
    {"retrieval...": "accuracies of retrieval, one CSV per condition, that of the unintervened model too"},
    read=lambda spec, files: accuracies(
        read_metrics(files.retrieval, ["similarity", "query", "candidate", "accuracy"]), spec
    ),
    draw=draw,
    describe=lambda drawn, spec: ("Retrieval of all pairs, by family", caption(spec, drawn)),
)


if __name__ == "__main__":
    stage.run(main)

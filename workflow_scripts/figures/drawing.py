"""The style that figures share, their panels, marks of unseen languages, and saving."""

import math
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from workflow_scripts.config.sections import Resampling
from workflow_scripts.figures.specs import PanelsSpec
from workflow_scripts.jobs.files import canonical_json, write_text, written_whole
from workflow_scripts.tables.shown_models import Model, Panel

# What every stage of a figure writes.
OUTPUTS = {
    "pdf": "the figure for print",
    "png": "the figure for screens",
    "csv": "what the figure draws",
    "json": "title and caption, for the report",
}

# Colours of Okabe and Ito (2008), told apart by colour-blind readers; they differ in lightness too.
PRE_COLOUR = "#E69F00"
POST_COLOUR = "#0072B2"
# The paper's convention; an asterisk says the same without colour.
UNSEEN_COLOUR = "#C00000"
MUTED_COLOUR = "#6E7781"

# Looks of lines that have to be told apart: these two colours and others of Okabe and Ito but yellow, which is faint on
# white. Seven colours and nine markers make 63 pairs before a pair repeats.
COLOURS = [POST_COLOUR, PRE_COLOUR, "#009E73", "#CC79A7", "#000000", "#56B4E9", "#D55E00"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">"]
LINE = {"linewidth": 1.1, "markersize": 3.6, "markeredgewidth": 0.8}

PAGE_WIDTH = 6.3  # inches, the most of a figure: a page of two columns, on which its text keeps its size
COLUMN_WIDTH = 3.1  # inches, the least width of a figure
LEAST_TEXT = 6  # points
CLOSEST = 4  # thousandths of a panel: a pixel of the report
LEGEND_HEIGHT = 0.45  # inches
LEGEND_ROW_HEIGHT = 0.16  # inches, for each row of the legend after the first

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#57606A",
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "figure.constrained_layout.h_pad": 0.05,
    "figure.constrained_layout.w_pad": 0.05,
    "font.family": "DejaVu Sans",  # comes with Matplotlib, so a figure is the same on every machine
    "font.size": 8,
    "grid.color": "#D8DEE4",
    "grid.linewidth": 0.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # text stays text
    "savefig.bbox": "tight",  # nothing is cut off, no empty margins
    "savefig.pad_inches": 0.03,
    "savefig.dpi": 300,
    "xtick.labelsize": 7,
    "xtick.major.size": 2,
    "xtick.major.width": 0.6,
    "ytick.labelsize": 7,
    "ytick.major.size": 0,
}


@dataclass(frozen=True)
class Hover:
    """What the report says where a reader points at a mark of a panel."""

    axis: Axes
    places: np.ndarray  # of the marks, in the axes' units, [marks, 2]
    reach: tuple[float, float]  # how far from it a mark is still meant, across and up, as shares of the panel
    texts: list[str]
    said: np.ndarray  # which of the texts each mark has, [marks]

    def placed(self, whole: Bbox) -> dict[str, Any]:
        """Return the panel as JSON, its box in shares of the image from the left and the top.

        Marks are whole numbers: thousandths of the panel across and down, and the number of the text. Of marks that are
        closer than a reader can point, the first stands for all.

        Args:
            whole: What the image shows of the figure, in inches.
        """
        inches = self.axis.get_window_extent().transformed(self.axis.figure.dpi_scale_trans.inverted())
        box = [
            (inches.x0 - whole.x0) / whole.width,
            (whole.y1 - inches.y1) / whole.height,
            inches.width / whole.width,
            inches.height / whole.height,
        ]
        shares = self.axis.transAxes.inverted().transform(self.axis.transData.transform(self.places))
        across_and_down = np.rint(1000 * np.stack([shares[:, 0], 1 - shares[:, 1]], axis=1)).astype(int)
        _, first = np.unique(across_and_down // CLOSEST, axis=0, return_index=True)
        marks = np.column_stack([across_and_down, self.said])[np.sort(first)]
        return {
            "box": [round(float(side), 5) for side in box],
            "reach": [round(1000 * side) for side in self.reach],
            "texts": self.texts,
            "marks": marks.ravel().tolist(),
        }


@contextmanager
def style() -> Iterator[None]:
    """Draw and save in the figures' style, whatever the reader's own settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def grid(
    rows: int,
    columns: int,
    width: float,
    height: float,
    beside: float = 0.0,
    below: float = LEGEND_HEIGHT,
    least_width: float = COLUMN_WIDTH,
    layout: str = "constrained",
    **shared: bool | str,
) -> tuple[Figure, np.ndarray]:
    """Return a figure with a grid of axes, and the axes [rows, columns].

    Args:
        rows: Number of rows.
        columns: Number of columns.
        width: Width of one panel with its labels, in inches.
        height: Height of one panel with its labels, in inches.
        beside: Width of what stands to the right of the panels, in inches.
        below: Height of what stands below the panels, in inches.
        least_width: Width below which no figure is made, in inches.
        layout: Layout engine of Matplotlib.
        shared: Passed on to `Figure.subplots`, like `sharex=True`.
    """
    size = (max(width * columns + beside, least_width), height * rows + below)
    figure = Figure(figsize=size, layout=layout)
    return figure, figure.subplots(rows, columns, squeeze=False, **shared)


def panels(
    spec: PanelsSpec,
    width: float,
    height: float,
    x_label: str,
    y_label: str,
    beside: float = 0.0,
    **shared: bool,
) -> tuple[Figure, np.ndarray]:
    """Return a figure with titled axes per pooling and panel, as many beside each other as fit on a page.

    The panels of each pooling begin a new row.

    Args:
        spec: What the figure shows.
        width: Width of one panel with its labels, in inches.
        height: Height of one panel with its labels, in inches.
        x_label: Label below the last panel of each column.
        y_label: Label to the left of the first column.
        beside: Width of what stands to the right of the panels, in inches.
        shared: Passed on to `Figure.subplots`, like `sharex=True`.

    Returns:
        The figure and its axes [poolings, panels].
    """
    shape = (len(spec.poolings), len(spec.panels))
    figure, axes, firsts, lasts = wrapped(*shape, width, height, beside, layout="compressed", **shared)
    for axis, panel, pooling in each_panel(axes, spec):
        axis.set_title(pooled_title(panel.title, pooling, spec.poolings), parse_math=False)  # a label may hold a dollar
    for axis in lasts:
        axis.set_xlabel(x_label)
        axis.xaxis.set_tick_params(labelbottom=True)  # also where a panel of the last row is missing below it
    for axis in firsts.ravel():
        axis.set_ylabel(y_label)
    return figure, axes


def wrapped(
    groups: int, count: int, width: float, height: float, beside: float = 0.0, **options: Any
) -> tuple[Figure, np.ndarray, np.ndarray, np.ndarray]:
    """Return a figure with groups of axes, as many beside each other as fit on a page; each group begins a new row.

    Args:
        groups: Number of groups.
        count: Number of axes of each.
        width: Width of one panel with its labels, in inches.
        height: Height of one panel with its labels, in inches.
        beside: Width of what stands to the right of the panels, in inches.
        options: Passed on to `grid`.

    Returns:
        The figure, its axes [groups, count], the first axes of each row [groups, rows of a group], and those that
        nothing is below [columns].
    """
    columns = min(count, side_by_side(width, beside))
    rows = math.ceil(count / columns)
    figure, every = grid(rows * groups, columns, width, height, beside, **options)
    of_groups = every.reshape(groups, rows * columns)
    for axis in of_groups[:, count:].ravel():
        axis.remove()
    axes = of_groups[:, :count]
    return figure, axes, axes[:, ::columns], axes[-1, -columns:]


def side_by_side(width: float, beside: float = 0.0) -> int:
    """Return how many panels of a width fit on a page beside what stands to their right; all in inches."""
    return max(1, int((PAGE_WIDTH - beside) / width + 1e-6))


def panel_axes(figure: Figure, spec: PanelsSpec) -> np.ndarray:
    """Return the axes [poolings, panels] of a figure that `panels` made."""
    shape = (len(spec.poolings), len(spec.panels))
    return np.array(figure.axes[: math.prod(shape)]).reshape(shape)


def each_panel(axes: np.ndarray, spec: PanelsSpec) -> Iterator[tuple[Axes, Panel, str]]:
    """Yield each of the axes [poolings, panels] with its panel and its pooling."""
    for row, pooling in zip(axes, spec.poolings, strict=True):
        for axis, panel in zip(row, spec.panels, strict=True):
            yield axis, panel, pooling


def of_panel(drawn: pd.DataFrame, panel: Panel, pooling: str) -> pd.DataFrame:
    """Return the rows of a panel's model and target, and of a pooling."""
    here = (drawn["model"] == panel.model.name) & (drawn["target"] == panel.target)
    return drawn[here & (drawn["pooling"] == pooling)]


def pooled_title(title: str, pooling: str, poolings: list[str]) -> str:
    """Return a panel's title, with its pooling below it where there are several."""
    return f"{title}\n{pooling} pooling" if len(poolings) > 1 else title


def looks(names: list[str]) -> dict[str, dict[str, str]]:
    """Return the colour and the marker of each name's line."""
    return {
        name: {"color": colour, "marker": marker}
        for name, colour, marker in zip(names, cycle(COLOURS), cycle(MARKERS), strict=False)
    }


def add_legend(figure: Figure, handles: list[Artist]) -> None:
    """Add a legend below the panels in as few rows as fit; each row beyond the first makes the figure higher."""
    columns = legend_columns([handle.get_label() for handle in handles], figure.get_figwidth())
    rows = math.ceil(len(handles) / columns)
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW_HEIGHT * (rows - 1))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def legend_columns(labels: list[str], width: float) -> int:
    """Return the number of columns with which a legend fits in about `width` inches and has the fewest rows."""
    inches = np.array([0.5 + 0.055 * len(label) for label in labels])  # with the line before the label
    for rows in range(1, len(labels)):
        columns = math.ceil(len(labels) / rows)
        if sum(column.max() for column in np.array_split(inches, columns)) <= width:
            return columns
    return 1


def label_languages(axis: Axis, positions: np.ndarray, languages: list[str], model: Model, bold: str) -> None:
    """Label an axis with language codes: unseen ones red and with an asterisk, the code `bold` in bold."""
    axis.set_ticks(positions, [code if model.has_seen(code) else f"{code}*" for code in languages])
    for label, code in zip(axis.get_ticklabels(), languages, strict=True):
        if not model.has_seen(code):
            label.set_color(UNSEEN_COLOUR)
        if code == bold:
            label.set_fontweight("bold")


def unseen_key(models: list[Model], languages: list[str]) -> list[Line2D]:
    """Return the legend's entry for red labels with an asterisk; none if every model has seen every language."""
    if all(model.has_seen(code) for model in models for code in languages):
        return []
    mark = {"marker": r"$\ast$", "markersize": 6, "markeredgewidth": 0.4, "linestyle": "none"}
    return [Line2D([], [], color=UNSEEN_COLOUR, label="red: not seen in pre-training", **mark)]


def unseen_note(models: list[Model], languages: list[str]) -> str:
    """Return what a caption says of red labels; nothing if every model has seen every language."""
    if not unseen_key(models, languages):
        return ""
    return "Languages that the model has not seen in pre-training are red and have an asterisk."


def interval_over_queries(resampling: Resampling) -> str:
    """Return what a caption calls an interval over queries."""
    confidence = f"{100 * resampling.confidence:g}%"
    return f"{confidence} bootstrap interval over queries ({resampling.resamples:,} resamples)"


def joined(*sentences: str) -> str:
    """Return the sentences of a caption that are not empty."""
    return " ".join(sentence for sentence in sentences if sentence)


def save(
    figure: Figure, drawn: pd.DataFrame, title: str, caption: str, files: Namespace, hover: Sequence[Hover] = ()
) -> None:
    """Write a figure (PDF, PNG), what it draws (CSV), its title and caption (JSON); equal figures give equal bytes.

    The JSON also has what is said where a reader of the report points at the panels of `hover`.
    """
    # Laid out once, so that panels, labels and what is said of them are at the same places in both files.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    whole = figure.get_tightbbox().padded(mpl.rcParams["savefig.pad_inches"])
    for path, metadata in ((files.pdf, {"CreationDate": None}), (files.png, {"Software": None})):
        with written_whole(path) as beside:
            figure.savefig(beside, metadata=metadata, bbox_inches=whole)
    write_text(files.csv, drawn.to_csv(index=False, lineterminator="\n"))
    said = {"title": title, "caption": caption, "hover": [panel.placed(whole) for panel in hover]}
    write_text(files.json, canonical_json(said) + "\n")

"""The style that figures share, their panels, marks of unseen languages, and saving."""

import math
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from workflow_scripts.lib.files import canonical_json, write_text, written_whole
from workflow_scripts.lib.shown import Model, Panel

# What every stage that draws a figure writes.
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

COLUMN_WIDTH = 3.1  # inches; a figure is no narrower
LEGEND_HEIGHT = 0.45  # inches
LEGEND_COLUMN, LEGEND_LINE = 1.8, 0.17  # inches

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


@contextmanager
def style() -> Iterator[None]:
    """Draw and save in the figures' style, whatever the reader's own settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def panels(
    columns: list[Panel], poolings: list[str], width: float, height: float, beside: float = 0.0, **shared: bool
) -> tuple[Figure, np.ndarray]:
    """A figure with a column of axes for each panel and a row for each pooling, which title them.

    Args:
        columns: Named by their titles.
        poolings: Named if there is more than one.
        width: Of one panel with its labels, in inches.
        height: Likewise.
        beside: Width of what stands at the right of the panels, in inches.
        shared: Passed on to `Figure.subplots`, like `sharex=True`.

    Returns:
        The figure and its axes, `[poolings, panels]`.
    """
    size = (max(width * len(columns) + beside, COLUMN_WIDTH), height * len(poolings) + LEGEND_HEIGHT)
    figure = Figure(figsize=size, layout="compressed")
    axes = figure.subplots(len(poolings), len(columns), squeeze=False, **shared)
    for row, pooling in zip(axes, poolings, strict=True):
        for axis, panel in zip(row, columns, strict=True):
            title = f"{panel.title}\n{pooling} pooling" if len(poolings) > 1 else panel.title
            axis.set_title(title, parse_math=False)  # a label may hold a dollar
    return figure, axes


def add_legend(figure: Figure, handles: list[Artist]) -> None:
    """A legend below the panels, in as many columns as there is room for; the figure grows by the lines it takes."""
    columns = min(len(handles), max(1, int(figure.get_figwidth() / LEGEND_COLUMN)))
    lines = math.ceil(len(handles) / columns)
    figure.set_figheight(figure.get_figheight() + LEGEND_LINE * (lines - 1))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def label_languages(axis: Axis, positions: np.ndarray, languages: list[str], model: Model, bold: str) -> None:
    """Label an axis with language codes: unseen ones red and with an asterisk, the code `bold` in bold."""
    axis.set_ticks(positions, [code if model.has_seen(code) else f"{code}*" for code in languages])
    for label, code in zip(axis.get_ticklabels(), languages, strict=True):
        if not model.has_seen(code):
            label.set_color(UNSEEN_COLOUR)
        if code == bold:
            label.set_fontweight("bold")


def unseen_key(models: list[Model], languages: list[str]) -> list[Line2D]:
    """The legend's entry for red labels with an asterisk; none if every model has seen every language."""
    if all(model.has_seen(code) for model in models for code in languages):
        return []
    mark = {"marker": r"$\ast$", "markersize": 6, "markeredgewidth": 0.4, "linestyle": "none"}
    return [Line2D([], [], color=UNSEEN_COLOUR, label="red: not seen in pre-training", **mark)]


def save(figure: Figure, drawn: pd.DataFrame, title: str, caption: str, files: Namespace) -> None:
    """Write a figure (PDF, PNG), what it draws (CSV), its title and caption (JSON); equal figures give equal bytes."""
    for path, metadata in ((files.pdf, {"CreationDate": None}), (files.png, {"Software": None})):
        with written_whole(path) as beside:
            figure.savefig(beside, metadata=metadata)
    write_text(files.csv, drawn.to_csv(index=False, lineterminator="\n"))
    write_text(files.json, canonical_json({"title": title, "caption": caption}) + "\n")

"""Heat maps of a change for every pair of languages, under the intervention on a target."""

from collections.abc import Callable

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from workflow_scripts.figures import drawing
from workflow_scripts.figures.specs import PanelsSpec
from workflow_scripts.tables.shown_models import Panel

COLOUR_MAP = "RdBu"  # told apart by colour-blind readers (ColorBrewer)
SAME_LANGUAGE_COLOUR = "#BDC3C9"
INCHES_PER_LANGUAGE = 0.1
LEAST_INCHES = 1.6  # of a side
DOT = {"linestyle": "none", "marker": "o", "markersize": 1.3, "markeredgewidth": 0, "color": "#57606A"}
OUTLINE = {"fill": False, "edgecolor": "black", "linewidth": 0.9}


def heat_map(
    axis: Axes,
    changes: np.ndarray,
    languages: list[str],
    panel: Panel,
    limit: float,
    marked: np.ndarray | None = None,
) -> QuadMesh:
    """Draw changes [languages, languages], coloured from −limit to limit, white at none; NaN is left gray.

    The row and the column of the target are outlined; cells that are true in `marked` have a dot.
    """
    count = len(languages)
    axis.set_facecolor(SAME_LANGUAGE_COLOUR)
    changes = np.ma.masked_invalid(changes)
    mesh = axis.pcolormesh(changes, cmap=COLOUR_MAP, vmin=-limit, vmax=limit, edgecolor="white", linewidth=0.25)
    plain_axes(axis)
    for direction in (axis.xaxis, axis.yaxis):
        drawing.label_languages(direction, np.arange(count) + 0.5, languages, panel.model, bold=panel.target)
    if panel.target in languages:
        here = languages.index(panel.target)
        axis.add_patch(Rectangle((0, here), count, 1, clip_on=False, zorder=3, **OUTLINE))
        axis.add_patch(Rectangle((here, 0), 1, count, clip_on=False, zorder=3, **OUTLINE))
    if marked is not None:
        rows, columns = np.nonzero(marked)
        axis.plot(columns + 0.5, rows + 0.5, **DOT)
    return mesh


def hover_over_cells(axis: Axes, languages: list[str], said: Callable[[int, int], str]) -> drawing.Hover:
    """Return what the report says of each cell of a heat map but those of the diagonal.

    Args:
        axis: The axes of the heat map.
        languages: Of its rows and columns.
        said: Returns what is said of the cell of a row and a column, by their numbers.
    """
    count = len(languages)
    rows, columns = np.nonzero(~np.eye(count, dtype=bool))
    texts = [said(row, column) for row, column in zip(rows.tolist(), columns.tolist(), strict=True)]
    places = np.stack([columns, rows], axis=1) + 0.5
    return drawing.Hover(axis, places, (0.5 / count, 0.5 / count), texts, np.arange(len(texts)))


def square_maps(spec: PanelsSpec, languages: list[str], x_label: str, y_label: str) -> tuple[Figure, np.ndarray]:
    """Return a figure with room for a heat map of languages by languages per panel, and its axes [poolings, panels]."""
    side = max(LEAST_INCHES, INCHES_PER_LANGUAGE * len(languages)) + 0.4
    figure, axes = drawing.panels(spec, side, side, x_label, y_label, beside=0.8)
    figure.align_xlabels(axes[-1])
    return figure, axes


def one_scale_note(spec: PanelsSpec) -> str:
    """Return what a caption says of the colour scale of several panels; nothing of a single one."""
    return "All panels share one colour scale." if len(spec.panels) * len(spec.poolings) > 1 else ""


def outline_note(spec: PanelsSpec, languages: list[str]) -> str:
    """Return what a caption says of the outlines; nothing if no target is among the languages."""
    return "The row and the column of the target are outlined." if set(spec.targets) & set(languages) else ""


def add_keys(
    figure: Figure, axes: np.ndarray, mesh: QuadMesh, label: str, target: str, unseen: list[Artist], dot: str = ""
) -> None:
    """Add the colour bar of all heat maps, and a legend of outlined target, diagonal, dots and unseen languages.

    Args:
        figure: The figure.
        axes: Its axes.
        mesh: One of the heat maps, all of which have the same colours.
        label: Label of the colour bar.
        target: Label of the outline.
        unseen: Entries of the legend for unseen languages.
        dot: Label of the dots, if there are any.
    """
    bar = figure.colorbar(mesh, ax=axes, label=label, shrink=0.9, aspect=25)
    bar.outline.set_visible(False)
    marks = [Patch(**OUTLINE, label=target), Patch(color=SAME_LANGUAGE_COLOUR, label="same language")]
    marks += [Line2D([], [], **DOT, label=dot)] if dot else []
    drawing.add_legend(figure, [*marks, *unseen])


def plain_axes(axis: Axes) -> None:
    """Make the axes of a heat map square, from top to bottom, without lines and marks around it."""
    axis.set_aspect("equal")
    axis.invert_yaxis()
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0, pad=1.5, labelsize=6)
    axis.tick_params(axis="x", rotation=90)

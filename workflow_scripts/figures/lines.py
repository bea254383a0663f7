"""Panels of lines, one for each compared measure."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.figures import drawing
from workflow_scripts.measures.compared import COMPARED

PANEL_WIDTH, PANEL_HEIGHT = 2.1, 1.5  # inches
COLUMNS = drawing.side_by_side(PANEL_WIDTH)


def measure_panels(poolings: list[str], title: str) -> tuple[Figure, dict[tuple[str, str], Axes]]:
    """Return a figure with axes per pooling and measure, titled by the measure and, if there are several, the pooling.

    Args:
        poolings: Rows of panels are repeated for each.
        title: Of the whole.
    """
    rows = math.ceil(len(COMPARED) / COLUMNS)
    figure, axes = drawing.grid(rows * len(poolings), COLUMNS, PANEL_WIDTH, PANEL_HEIGHT)
    figure.suptitle(title, parse_math=False, fontsize=9, fontweight="bold")
    found = {}
    for number, pooling in enumerate(poolings):
        block = axes[rows * number : rows * (number + 1)].ravel()
        for axis, (name, measure) in zip(block, COMPARED.items(), strict=False):
            axis.set_title(drawing.pooled_title(measure.label, pooling, poolings), fontsize=8)
            axis.grid(axis="y")
            found[pooling, name] = axis
        for axis in block[len(COMPARED) :]:
            axis.set_axis_off()
    return figure, found

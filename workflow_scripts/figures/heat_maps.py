"""Heat maps of a change for every pair of languages, under the intervention on a target."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.patches import Rectangle

from workflow_scripts.figures import drawing
from workflow_scripts.tables.shown_models import Panel

COLOUR_MAP = "RdBu"  # told apart by colour-blind readers (ColorBrewer)
SAME_LANGUAGE_COLOUR = "#BDC3C9"
OUTLINE = {"fill": False, "edgecolor": "black", "linewidth": 0.9}


def heat_map(axis: Axes, changes: np.ndarray, languages: list[str], panel: Panel, limit: float) -> QuadMesh:
    """Draw changes [languages, languages], coloured from −limit to limit, white at none; NaN is left gray.

    The row and the column of the target are outlined.
    """
    count = len(languages)
    axis.set_facecolor(SAME_LANGUAGE_COLOUR)
    changes = np.ma.masked_invalid(changes)
    mesh = axis.pcolormesh(changes, cmap=COLOUR_MAP, vmin=-limit, vmax=limit, edgecolor="white", linewidth=0.25)
    axis.set_aspect("equal")
    axis.invert_yaxis()
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0, pad=1.5, labelsize=6)
    axis.tick_params(axis="x", rotation=90)
    for direction in (axis.xaxis, axis.yaxis):
        drawing.label_languages(direction, np.arange(count) + 0.5, languages, panel.model, bold=panel.target)
    if panel.target in languages:
        here = languages.index(panel.target)
        axis.add_patch(Rectangle((0, here), count, 1, clip_on=False, zorder=3, **OUTLINE))
        axis.add_patch(Rectangle((here, 0), 1, count, clip_on=False, zorder=3, **OUTLINE))
    return mesh

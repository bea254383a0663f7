"""Labels beside what they name, that do not overlap."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation

from workflow_scripts.figures import drawing

# In points:
LABEL_GAP = 1.2  # between labels
LABEL_RISE = 6.0  # of a label above what it names, so that it does not hide it


def move_apart(axis: Axes, labels: list[Annotation], marks: np.ndarray) -> None:
    """Move labels above what they name, off each other and off marks; tie those that went far to what they name.

    Args:
        axis: The axes of the labels, laid out.
        labels: Annotations at what they name, centred, with their offsets in points.
        marks: Lower left and upper right corners of what labels should leave free, in points, [marks, 2, 2].
    """
    points = 72 / axis.figure.dpi
    frame = axis.get_window_extent().get_points() * points
    anchors = axis.transData.transform([label.xy for label in labels]) * points
    sizes = np.array([label.get_window_extent().size for label in labels]) * points + LABEL_GAP
    centres = anchors + np.array([0, LABEL_RISE])
    places = without_overlap(centres, sizes, frame, marks)
    if overlapping(places, sizes).any():  # no room beside the marks
        places = without_overlap(centres, sizes, frame)
    tie = {"arrowstyle": "-", "color": drawing.MUTED_COLOUR, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 0}
    for label, offset in zip(labels, places - anchors, strict=True):
        label.set_position(offset)
        if np.hypot(*offset) > 2 * LABEL_RISE:
            line = {"xytext": offset, "textcoords": "offset points", "arrowprops": tie}
            axis.annotate("", label.xy, **line, in_layout=False, zorder=3)


def without_overlap(
    centres: np.ndarray, sizes: np.ndarray, bounds: np.ndarray, fixed: np.ndarray | None = None
) -> np.ndarray:
    """Move boxes off each other by small steps, so that they stay near where they were.

    Args:
        centres: Of the boxes, [boxes, 2].
        sizes: Their widths and heights, [boxes, 2].
        bounds: Lower left and upper right corner of the area that they stay in, [2, 2].
        fixed: The same corners of boxes that stay where they are and that the others leave free, [fixed, 2, 2].

    Returns:
        The new centres, [boxes, 2]; boxes overlap only if 5,000 steps have found no room for all.
    """
    if fixed is None:
        fixed = np.empty((0, 2, 2))
    count = len(centres)
    order = np.arange(count)
    others = np.concatenate([sizes, fixed[:, 1] - fixed[:, 0]])
    least = (sizes[:, None] + others[None, :]) / 2
    same = order[:, None] == np.arange(len(others))[None, :]
    # Hair's breadths that differ from box to box and are not in line (Roberts' R2 sequence), so that boxes at one
    # place, or along one edge, part in all directions.
    hair = order[:, None] * np.array([0.7548776662, 0.5698402910]) % 1
    lowest, highest = bounds[0] + sizes / 2 + hair, bounds[1] - sizes / 2 - hair
    centres = centres + 0.01 * hair
    for _ in range(5000):
        centres = np.clip(centres, lowest, highest)
        places = np.concatenate([centres, fixed.mean(axis=1)])
        difference = (centres[:, None] - places[None, :]) / least  # below 1 both ways: the two overlap
        lacking = 1 - np.abs(difference).max(axis=2)
        overlap = (lacking > 1e-9) & ~same
        if not overlap.any():
            break
        # Each gives way, in the direction from the other, by a part of what they lack.
        direction = difference / (np.linalg.norm(difference, axis=2) + same)[..., None]
        step = np.where(overlap, np.maximum(0.1 * lacking, 0.01), 0)
        centres = centres + (direction * step[..., None] * least).sum(axis=1)
    return centres


def overlapping(centres: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return which boxes overlap which others, [boxes, boxes]."""
    least = (sizes[:, None] + sizes[None, :]) / 2
    near = (np.abs(centres[:, None] - centres[None, :]) < least - 1e-6).all(axis=2)
    return near & ~np.eye(len(centres), dtype=bool)

"""What the figures' font has a glyph for, found without Matplotlib, which takes seconds to import.

DejaVu Sans comes with Matplotlib, so that a figure is the same on every machine. It lacks Thai, Devanagari, Chinese,
Japanese and Korean, of which it draws boxes.
"""

import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

FILE = "mpl-data/fonts/ttf/DejaVuSans.ttf"  # in Matplotlib's package


def can_draw(text: str) -> bool:
    """Return whether the figures' font has all characters of a text."""
    return not undrawn(text)


def undrawn(text: str) -> str:
    """Return the characters of a text that the figures' font lacks, each once."""
    if text.isascii():
        return ""
    return "".join(dict.fromkeys(letter for letter in composed(text) if ord(letter) not in _drawn_characters()))


def composed(text: str) -> str:
    """Return a text whose accents are one with their letters, else they are drawn beside them, and whose spaces are
    single.
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def undrawn_labels(labels: Mapping[str, str]) -> list[str]:
    """Return a warning for each label, by its key in the config, that figures would show with boxes."""
    return [
        f"{key}: the figures' font has no {missing}, so figures show boxes in {label!r}; write the label in Latin, "
        "Greek, Cyrillic or another script that it has"
        for key, label in labels.items()
        if (missing := undrawn(label))
    ]


@cache
def _drawn_characters() -> frozenset[int]:
    from fontTools.ttLib import TTFont  # which takes a tenth of a second

    (package,) = find_spec("matplotlib").submodule_search_locations
    with TTFont(Path(package, FILE), lazy=True) as font:
        return frozenset(font.getBestCmap())

"""The characters that the figures' font lacks, against Matplotlib, which warns as it draws a box."""

import io
import warnings

import pytest
from matplotlib.figure import Figure

from workflow_scripts.figures import drawing
from workflow_scripts.figures.fonts import undrawn, undrawn_labels

LABELS = {
    "Bloom-7B1": "",
    "Модель – 7B": "",
    "模型 7B": "模型",
    "แบบ": "แบ",
    "मॉडल": "मॉडल",
    "نموذج": "",
    "Mô hình e\u0301": "",
}


@pytest.mark.parametrize(("label", "missing"), LABELS.items())
def test_what_the_font_lacks_is_what_matplotlib_has_no_glyph_for(label, missing):
    assert undrawn(label) == missing
    with drawing.style(), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        figure = Figure()
        figure.text(0, 0, label)
        figure.savefig(io.BytesIO())
    assert any("missing from" in str(warning.message) for warning in told) == bool(missing)


def test_a_label_with_boxes_is_told_by_its_key():
    (warning,) = undrawn_labels({"models.a.label": "A", "models.b.label": "模型"})
    assert warning.startswith("models.b.label: the figures' font has no 模型")

"""What the computation of a study took, as a table."""

import math
from pathlib import Path

import pandas as pd

from workflow_scripts.lib import tables

HEADERS = {
    "wall_hours": "Wall time (h)",
    "device_hours": "GPU time (h)",
    "cpu_hours": "CPU time (h)",
    "peak_memory_gb": "Peak memory (GB)",
    "peak_device_memory_gb": "Peak GPU memory (GB)",
    "tokens_per_second": "Tokens / s",
}


def read_compute(path: Path) -> tables.Table | None:
    """A table of a CSV with one row a stage and model: words left, numbers right; None if it has no rows."""
    try:
        frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    except pd.errors.EmptyDataError:
        return None
    if frame.empty:
        return None
    words = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    numbers = [name for name in frame if name not in words]
    rows = [
        [
            *(tables.Cell("" if isinstance(row[name], float) else str(row[name])) for name in words),
            *(_number_cell(float(row[name])) for name in numbers),
        ]
        for row in frame.to_dict("records")
    ]
    return tables.Table(
        title="What the computation took",
        caption="Summed over the jobs of a stage; memory is that of the largest job.",
        columns=[tables.Column(HEADERS.get(name, name.replace("_", " ").capitalize())) for name in [*words, *numbers]],
        rows=rows,
        labels=len(words),
    )


def _number_cell(value: float) -> tables.Cell:
    """At least three digits, none needlessly; a dash where nothing was measured."""
    if math.isnan(value):
        return tables.Cell("–", value=value)
    return tables.Cell(f"{value:,.0f}" if value.is_integer() or value >= 100 else f"{value:.3g}", value=value)

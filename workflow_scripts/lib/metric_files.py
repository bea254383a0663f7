"""Metrics on disk: tidy CSV, one observation a row, what was done to the model in the leading columns."""

from pathlib import Path

import pandas as pd

from workflow_scripts.lib.conditions import Condition
from workflow_scripts.lib.files import written_whole


def write_metric(path: Path, condition: Condition, dataset: str, rows: pd.DataFrame) -> None:
    """Write observations under a condition, in full precision.

    The columns of the condition (`model`, `condition`, `method`, `units`, `target`, `pooling`, `k`, `seed`) and
    `dataset` come first, then those of `rows`.
    """
    leading = {**condition.columns(), "dataset": dataset}
    whole = pd.concat([pd.DataFrame([leading] * len(rows)), rows.reset_index(drop=True)], axis=1)
    with written_whole(path) as beside:
        whole.to_csv(beside, index=False)

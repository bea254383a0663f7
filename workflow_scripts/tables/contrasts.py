"""Differences between rows of the comparison of methods, with bootstrap intervals over languages."""

import math

import numpy as np
import pandas as pd

from workflow_scripts.config.sections import Resampling
from workflow_scripts.measures.averages import Average, average_over_candidates, average_over_pairs
from workflow_scripts.tables.shown_models import BASE_ROW, OWN_ROW

REFERENCES = {"none": BASE_ROW, "own": OWN_ROW}  # rows from which others differ, by what the columns are called
COLUMNS = {
    name: [f"from_{name}", f"from_{name}_low", f"from_{name}_high", f"from_{name}_resamples"] for name in REFERENCES
}


def contrasts(observed: pd.DataFrame, poolings: list[str], resampling: Resampling) -> pd.DataFrame:
    """How far each row and metric is from the unintervened model and from the study's own intervention, and the
    intervals of that: `COLUMNS`, with the index of `observed`.

    Means over the targets in which both are measured. A method on layers, which knows of no pooling, is set beside the
    study's own with the first. The references themselves do not differ from themselves and have NaN.

    Args:
        observed: One row for each row of the comparison and metric: the columns model, pooling (NaN: none), method,
            metric, and `values`, what was measured by target, as `comparison.by_target` gives it.
        poolings: Of the study.
        resampling: How intervals are drawn.
    """
    pooled = observed["pooling"].astype(object).where(observed["pooling"].notna(), poolings[0])
    methods = observed["method"]
    found = {}
    for name, reference in REFERENCES.items():
        is_reference = methods == reference
        # The unintervened model is the same whatever the pooling.
        keys = [observed["model"], observed["metric"], *([pooled] if reference == OWN_ROW else [])]
        keyed = list(zip(*keys, strict=True))
        references = {key: row for key, row, its in zip(keyed, observed["values"], is_reference, strict=True) if its}
        found[name] = [
            Average(math.nan) if its else average_difference(row, references.get(key, {}), resampling)
            for key, row, its in zip(keyed, observed["values"], is_reference, strict=True)
        ]
    columns = {
        column: [getattr(each, field) for each in found[name]]
        for name, names in COLUMNS.items()
        for column, field in zip(names, ("mean", "ci_low", "ci_high", "resamples"), strict=True)
    }
    return pd.DataFrame(columns, index=observed.index)


def average_difference(
    values: dict[str, np.ndarray], references: dict[str, np.ndarray], resampling: Resampling
) -> Average:
    """Mean over targets of the differences of two rows, and its interval; NaN where no target has both.

    What is a mean over languages has an interval over languages: of pairs [languages, languages], and of candidates
    [languages], NaN where the target itself would be. Single numbers have none.
    """
    differences = [values[target] - references[target] for target in values if target in references]
    differences = [each for each in differences if not np.isnan(each).all()]
    if not differences:
        return Average(math.nan)
    dimensions = differences[0].ndim
    if dimensions == 1:
        return average_over_candidates(np.stack(differences), resampling)
    if dimensions == 2:
        # Every target's mean weighs pairs alike, so the mean of these is that of the mean matrix.
        return average_over_pairs(np.mean(differences, axis=0), resampling)
    return Average(float(np.mean(differences)))

"""Differences between rows of the comparison of methods, with bootstrap intervals over languages."""

import math

import numpy as np
import pandas as pd

from workflow_scripts.config.sections import Resampling
from workflow_scripts.measures.averages import Average, averages_over_candidates, averages_over_pairs
from workflow_scripts.tables.shown_models import BASE_ROW, OWN_ROW

REFERENCES = {"none": BASE_ROW, "own": OWN_ROW}  # rows that the others are compared with, by the name in the columns
COLUMNS = {
    name: [f"from_{name}", f"from_{name}_low", f"from_{name}_high", f"from_{name}_resamples"] for name in REFERENCES
}


def contrasts(observed: pd.DataFrame, poolings: list[str], resampling: Resampling) -> pd.DataFrame:
    """Return how far each row and metric is from the unintervened model and from the study's own intervention.

    These are means over the targets in which both rows are measured, with intervals over languages; all rows share the
    resamples. A method on layers, which has no pooling, is compared with the study's own intervention under the first
    pooling. A reference does not differ from itself and has NaN.

    Args:
        observed: One row for each row of the comparison and metric: the columns model, pooling (NaN: none), method,
            metric, and `values`, what was measured by target, as `comparison.by_target` gives it.
        poolings: Poolings of the study.
        resampling: How languages are resampled.

    Returns:
        `COLUMNS`, with the index of `observed`.
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
        differences = [
            None if its else difference(row, references.get(key, {}))
            for key, row, its in zip(keyed, observed["values"], is_reference, strict=True)
        ]
        found[name] = averages(differences, resampling)
    columns = {
        column: [getattr(each, field) for each in found[name]]
        for name, names in COLUMNS.items()
        for column, field in zip(names, ("mean", "ci_low", "ci_high", "resamples"), strict=True)
    }
    return pd.DataFrame(columns, index=observed.index)


def difference(values: dict[str, np.ndarray], references: dict[str, np.ndarray]) -> np.ndarray | None:
    """Return the differences of two rows in the targets that have both, stacked; None where no target has both."""
    differences = [values[target] - references[target] for target in values if target in references]
    differences = [each for each in differences if not np.isnan(each).all()]
    return np.stack(differences) if differences else None


def averages(differences: list[np.ndarray | None], resampling: Resampling) -> list[Average]:
    """Return the mean of each row's differences over targets with its interval; NaN where there are none.

    What is a mean over languages has an interval over languages: of pairs [targets, languages, languages], and of
    candidates [targets, languages], NaN where the target itself would be. Single numbers [targets] have none. Rows of
    one shape, NaN in the same places, share their resamples.
    """
    found = [Average(math.nan) if each is None else Average(float(np.mean(each))) for each in differences]
    alike: dict[tuple, list[int]] = {}
    for place, each in enumerate(differences):
        if each is not None and each.ndim > 1:
            # The mean over targets of means over pairs is that of the mean matrix, since all weigh pairs alike.
            shape = each.shape[-2:] if each.ndim == 3 else (*each.shape, np.isnan(each).tobytes())
            alike.setdefault((each.ndim, shape), []).append(place)
    for (dimensions, _), places in alike.items():
        rows = [differences[place] for place in places]
        if dimensions == 2:
            drawn = averages_over_candidates(np.stack(rows), resampling)
        else:
            drawn = averages_over_pairs(np.stack([row.mean(axis=0) for row in rows]), resampling)
        for place, average in zip(places, drawn, strict=True):
            found[place] = average
    return found

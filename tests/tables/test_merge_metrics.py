"""Metrics merged into one tidy CSV, against pandas' melt."""

import pandas as pd
import pytest

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.tables.merge_metrics import COLUMNS, KEYS, QUANTITIES, main, merged_rows

LEADING = {"model": "tiny", "condition": "es-expert-max-k5", "target": "es", "k": 5, "seed": None, "dataset": "dev"}
RETRIEVAL = pd.DataFrame(
    [
        {**LEADING, "layer": "last", "similarity": "cosine", "query": "es", "candidate": "no", "sentences": 3, **score}
        for score in ({"accuracy": 1 / 3}, {"accuracy": 0.1 + 0.2}, {"accuracy": None})
    ]
)
CORRELATIONS = pd.DataFrame([{**LEADING, "correlation": "a~b", "r": 0.25, "ci_low": -1.5e-7, "ci_high": 0.5}])


@pytest.fixture
def files(tmp_path):
    """Two metrics, as they lie in the results."""
    paths = [tmp_path / f"metrics/tiny/{name}.csv" for name in ("retrieval", "correlations")]
    paths[0].parent.mkdir(parents=True)
    for path, metric in zip(paths, (RETRIEVAL, CORRELATIONS), strict=True):
        metric.to_csv(path, index=False)
    return paths


def test_every_number_has_a_row_that_says_what_it_is_of(files, tmp_path):
    main(["--spec", "{}", "--metrics", *map(str, files), "--merged", str(tmp_path / "merged.csv")])
    merged = pd.read_csv(tmp_path / "merged.csv", float_precision="round_trip", dtype={"layer": str})
    assert tuple(merged.columns) == COLUMNS
    for name, metric in {"retrieval": RETRIEVAL, "correlations": CORRELATIONS}.items():
        keys = [column for column in metric if column in KEYS]
        expected = metric.melt(keys, var_name="quantity", value_name="value").sort_values([*keys, "quantity"])
        found = merged[merged.metric == name][[*keys, "quantity", "value"]].sort_values([*keys, "quantity"])
        pd.testing.assert_frame_equal(
            found.reset_index(drop=True), expected.reset_index(drop=True), check_dtype=False, check_exact=True
        )
        assert merged[merged.metric == name].drop(columns=[*keys, "metric", "quantity", "value"]).isna().all(axis=None)


def test_a_column_that_is_not_known_is_refused(files):
    RETRIEVAL.assign(colour="red").to_csv(files[0], index=False)
    with pytest.raises(StudyError, match=r"retrieval.csv has the columns .*colour.*merge_metrics.py"):
        list(merged_rows(files[0]))
    files[1].write_text("model,condition\n")
    with pytest.raises(StudyError, match="has the columns model, condition"):
        list(merged_rows(files[1]))


def test_no_column_is_both_a_key_and_a_quantity():
    assert not set(KEYS) & set(QUANTITIES)

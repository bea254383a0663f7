"""Merge the metrics of a model into one tidy CSV: one number a row, with what it is of in the other columns."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import written_whole

# What a number is of: the columns of the metrics, named as there. Those of the condition come first.
KEYS = (
    *("model", "condition", "method", "units", "target", "pooling", "k", "seed", "dataset", "layer", "metric"),
    *("space", "centring", "similarity", "measure", "medoid", "task", "direction", "baseline", "identifier"),
    *("correlation", "candidates_set", "query", "candidate", "first", "second", "train", "test", "language"),
    *("medoid_language", "medoid_id", "sample_seed", "sentences", "pairs", "queries", "candidates", "resamples"),
    "examples",
    *("tokens", "windows", "text_tokens", "text_windows", "context", "stride"),
)
# The columns whose numbers are merged; `quantity` says which of them a value is of.
QUANTITIES = (
    *("value", "accuracy", "score", "r", "ci_low", "ci_high", "p_value", "probability"),
    *("perplexity", "own_perplexity", "log_perplexity", "log_perplexity_error", "sampling_error"),
    *("difference", "difference_error", "difference_sampling_error"),
    *("ngram_log_perplexity", "distinct_trigrams"),
)
COLUMNS = (*KEYS, "quantity", "value")


class Spec(stage.Spec):
    """What the merged metrics depend on: their files alone."""


def merged_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the numbers of a metric's file, one a row of `COLUMNS`, as they are written there; `metric` names the file.

    Raises:
        StudyError: the file has a column that is no key and no quantity, or lacks quantities.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        quantities = [name for name in columns if name in QUANTITIES]
        keys = [name for name in columns if name in KEYS]
        if not quantities or len(quantities) + len(keys) != len(columns):
            raise StudyError(
                f"{path} has the columns {', '.join(columns)}. Those of a metric are keys ({', '.join(KEYS)}) and "
                f"quantities ({', '.join(QUANTITIES)}); a new one is named in workflow_scripts/tables/merge_metrics.py."
            )
        for row in reader:
            shared = {"metric": path.stem, **{name: row[name] for name in keys}}
            for name in quantities:
                yield {**shared, "quantity": name, "value": row[name]}


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    _, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"metrics...": "metrics of a model (CSV)"},
        outputs={"merged": "all their numbers (CSV)"},
        command=command,
    )
    with written_whole(files.merged) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for path in files.metrics:
            writer.writerows(merged_rows(path))


if __name__ == "__main__":
    stage.run(main)

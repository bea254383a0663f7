"""Measure ABX discrimination of language and of meaning between all pairs of languages (measures/abx)."""

import pandas as pd
from pydantic import Field

from workflow_scripts.embeddings.embedding_files import Layer, read_aligned
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.measures.abx import abx_scores
from workflow_scripts.measures.metric_files import measuring, write_metric


class Spec(stage.Spec):
    """What the scores depend on."""

    dataset: str = Field(description="Name of the parallel data set.")
    languages: list[str] = Field(min_length=2, description="Languages of the space.")
    layer: Layer = Field(description="Layer whose output the embeddings are, as in the config.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"embeddings": "sentence embeddings (HDF5)", "condition": "the condition they were made under (JSON)"},
        outputs={"abx": "scores by task and ordered pair of languages (CSV)"},
        command=command,
    )
    embeddings = read_aligned(files.embeddings, spec.languages)
    with measuring(files.embeddings):
        scores = abx_scores(embeddings)
    rows = [
        {
            "task": task,
            "first": first,
            "second": second,
            "sentences": embeddings.shape[1],
            "score": of_task[row, column],
        }
        for task, of_task in scores.items()
        for row, first in enumerate(spec.languages)
        for column, second in enumerate(spec.languages)
        if row != column
    ]
    write_metric(files.abx, read_condition(files.condition), spec.dataset, pd.DataFrame(rows), spec.layer)


if __name__ == "__main__":
    stage.run(main)

"""Measure cross-lingual retrieval: every language as query against every other as candidates (paper, section 5)."""

import pandas as pd
from pydantic import Field

from workflow_scripts.embeddings.embedding_files import Layer, read_aligned
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.measures.metric_files import measuring, write_metric
from workflow_scripts.measures.retrieval import Similarity, pairwise_top1_accuracies


class Spec(stage.Spec):
    """What the accuracies depend on."""

    dataset: str = Field(description="Name of the parallel data set.")
    layer: Layer = Field(description="Layer whose output the embeddings are, as in the config.")
    languages: list[str] = Field(min_length=2, description="Query and candidate languages.")
    similarities: list[Similarity] = Field(description="Similarities by which candidates are ranked.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"embeddings": "sentence embeddings (HDF5)", "condition": "the condition they were made under (JSON)"},
        outputs={"retrieval": "top-1 accuracy by similarity and ordered pair (CSV)"},
        command=command,
    )
    embeddings = read_aligned(files.embeddings, spec.languages)
    with measuring(files.embeddings):
        accuracies = pairwise_top1_accuracies(embeddings, spec.similarities)
    rows = [
        {
            "similarity": similarity,
            "query": query,
            "candidate": candidate,
            "sentences": embeddings.shape[1],
            "accuracy": accuracies[similarity][row, column],
        }
        for similarity in spec.similarities
        for row, query in enumerate(spec.languages)
        for column, candidate in enumerate(spec.languages)
        if row != column
    ]
    write_metric(files.retrieval, read_condition(files.condition), spec.dataset, pd.DataFrame(rows), spec.layer)


if __name__ == "__main__":
    stage.run(main)

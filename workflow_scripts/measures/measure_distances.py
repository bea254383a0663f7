"""Measure distances between all pairs of languages, and of each to the medoid of the space (paper, section 4)."""

import pandas as pd
from pydantic import Field

from workflow_scripts.embeddings.embedding_files import Layer, read_aligned, read_part
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.measures.distances import DISTANCES, MEDOIDS, distances_to
from workflow_scripts.measures.metric_files import measuring, write_metric


class Spec(stage.Spec):
    """What the distances depend on."""

    dataset: str = Field(description="Name of the parallel data set.")
    layer: Layer = Field(description="Layer whose output the embeddings are, as in the config.")
    languages: list[str] = Field(min_length=2, description="Languages of the space.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"embeddings": "sentence embeddings (HDF5)", "condition": "the condition they were made under (JSON)"},
        outputs={"distances": "distances by measure and ordered pair (CSV)", "medoid": "distances to medoids (CSV)"},
        command=command,
    )
    condition = read_condition(files.condition)
    embeddings = read_aligned(files.embeddings, spec.languages)
    with measuring(files.embeddings):
        matrices = {name: distance(embeddings) for name, distance in DISTANCES.items()}
        medoids = {name: find(embeddings) for name, find in MEDOIDS.items()}
        to_medoids = {name: distances_to(medoid, embeddings) for name, medoid in medoids.items()}
    between = [
        {"measure": measure, "query": query, "candidate": candidate, "value": matrix[row, column]}
        for measure, matrix in matrices.items()
        for row, query in enumerate(spec.languages)
        for column, candidate in enumerate(spec.languages)
        if row != column
    ]
    write_metric(files.distances, condition, spec.dataset, pd.DataFrame(between), spec.layer)
    ids, _ = read_part(files.embeddings, spec.languages[0])
    to_medoid = []
    for name, medoid in medoids.items():
        for language, value in zip(spec.languages, to_medoids[name], strict=True):
            where = {
                "medoid_language": None if medoid.language is None else spec.languages[medoid.language],
                "medoid_id": None if medoid.sentence is None else ids[medoid.sentence],
            }
            to_medoid.append({"medoid": name, "language": language, "value": value, **where})
    write_metric(files.medoid, condition, spec.dataset, pd.DataFrame(to_medoid), spec.layer)


if __name__ == "__main__":
    stage.run(main)

"""Correlate retrieval accuracy with distance over candidate languages, query = target (paper, Table 2)."""

from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.fields import LanguageCode
from workflow_scripts.config.settings import DatasetName, Distance, Similarities, SpaceLanguages, Target
from workflow_scripts.config.specs import ResampledSpec
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.correlations import correlate
from workflow_scripts.measures.metric_files import read_metrics, write_metric


class Spec(ResampledSpec):
    """What the correlations depend on; the query language is the target, and no candidate of its own."""

    dataset: DatasetName
    query: Target
    candidates: SpaceLanguages
    seen: list[LanguageCode] = Field(description="Candidate languages that were seen in pre-training.")
    similarities: Similarities
    measures: list[Distance] = Field(min_length=1, description="Distances with which accuracies are correlated.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "base-distances": "distances in the unintervened space (CSV)",
            "base-retrieval": "accuracies in the unintervened space (CSV)",
            "distances": "distances under the condition (CSV)",
            "retrieval": "accuracies under the condition (CSV)",
            "condition": "the condition (JSON)",
        },
        outputs={"correlations": "correlations in every reading (CSV)"},
        command=command,
    )
    rows = []
    for similarity in spec.similarities:
        accuracy = [values(path, spec, "similarity", similarity) for path in (files.base_retrieval, files.retrieval)]
        for measure in spec.measures:
            distance = [values(path, spec, "measure", measure) for path in (files.base_distances, files.distances)]
            for name, candidates in {"seen": spec.seen, "all": spec.candidates}.items():
                rows += correlations(spec, similarity, measure, name, candidates, *accuracy, *distance)
    write_metric(files.correlations, read_condition(files.condition), spec.dataset, pd.DataFrame(rows))


def correlations(
    spec: Spec,
    similarity: str,
    measure: str,
    candidates_set: str,
    candidates: list[str],
    accuracy_pre: pd.Series,
    accuracy_post: pd.Series,
    distance_pre: pd.Series,
    distance_post: pd.Series,
) -> list[dict]:
    """Return the four correlations of Table 2 over some candidate languages, as rows."""
    codes = [code for code in candidates if code != spec.query]
    acc_pre, acc_post, d_pre, d_post = (
        series.loc[codes].to_numpy() for series in (accuracy_pre, accuracy_post, distance_pre, distance_post)
    )
    sides = {
        "acc_post~d_post": (acc_post, d_post),
        "acc_pre~d_pre": (acc_pre, d_pre),
        "d_post~d_pre": (d_post, d_pre),
        "delta_acc~delta_d": (acc_post - acc_pre, d_pre - d_post),
    }
    rows = []
    for name, (x, y) in sides.items():
        found = correlate(x, y, spec.resampling)
        reading = {"similarity": similarity, "measure": measure, "query": spec.query, "candidates_set": candidates_set}
        rows.append({**reading, "correlation": name, "candidates": len(codes), **vars(found)})
    return rows


def values(path: Path, spec: Spec, column: str, reading: str) -> pd.Series:
    """Return the accuracy or distance of the query to each candidate, in one reading, by candidate.

    Raises:
        StudyError: a candidate is missing.
    """
    value = "accuracy" if column == "similarity" else "value"
    table = read_metrics([path], [column, "query", "candidate", value])
    table = table[(table[column] == reading) & (table["query"] == spec.query)].set_index("candidate")
    series = table[value].astype(np.float64)
    if missing := [code for code in spec.candidates if code != spec.query and code not in series.index]:
        raise StudyError(f"{path} lacks {reading} of {spec.query} to {', '.join(missing)}; delete it and run again.")
    return series


if __name__ == "__main__":
    stage.run(main)

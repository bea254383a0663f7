"""Measure retrieval of translations between a language and English on Tatoeba or BUCC-18 (paper, appendix H)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.config.fields import Languages
from workflow_scripts.config.settings import DatasetName, Similarities
from workflow_scripts.embeddings.embedding_files import open_part, read_part
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.metric_files import measuring, write_metric
from workflow_scripts.measures.retrieval import pairwise_top1_accuracies, top1_accuracies

Row = tuple[str, dict[str, object]]


class Spec(stage.Spec):
    """What the accuracies depend on."""

    dataset: DatasetName
    task: Literal["translation", "mining"] = Field(
        description="translation: sentences and their translations (Tatoeba); mining: English has more (BUCC-18)."
    )
    languages: Languages
    similarities: Similarities


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"embeddings": "sentence embeddings (HDF5)", "condition": "the condition they were made under (JSON)"},
        outputs={"translation": "top-1 accuracy by similarity, language and direction (CSV)"},
        command=command,
    )
    measure = {"translation": translation_accuracies, "mining": mining_accuracies}[spec.task]
    rows = [
        {"similarity": similarity, "language": language, **row}
        for language in spec.languages
        for similarity, row in measure(files.embeddings, language, spec.similarities)
    ]
    rows.sort(key=lambda row: spec.similarities.index(row["similarity"]))
    write_metric(files.translation, read_condition(files.condition), spec.dataset, pd.DataFrame(rows))


def translation_accuracies(path: Path, language: str, similarities: list[str]) -> Iterator[Row]:
    """Return the accuracy from each sentence of a language to its translation among all English ones, and back.

    Raises:
        StudyError: the embeddings lack the language, or its ids are not those of the translations.
    """
    (ids, source), (target_ids, target) = (read_part(path, language, part) for part in ("source", "target"))
    if ids != target_ids:
        raise StudyError(f"{path}: {language} has other ids in source than in target; delete it and run again.")
    sizes = {"queries": len(ids), "candidates": len(ids)}
    with measuring(path):
        accuracies = pairwise_top1_accuracies(np.stack([source, target]), similarities)
    for similarity, accuracy in accuracies.items():
        yield similarity, {"direction": "to_english", **sizes, "accuracy": accuracy[0, 1]}
        yield similarity, {"direction": "from_english", **sizes, "accuracy": accuracy[1, 0]}


def mining_accuracies(path: Path, language: str, similarities: list[str]) -> Iterator[Row]:
    """Return the accuracy from each sentence of a language that has a translation to that one among all English
    sentences.

    A query has the id of its translation. The English sentences are read in blocks, since they may exceed memory.

    Raises:
        StudyError: the embeddings lack the language or the translation of a query.
    """
    query_ids, queries = read_part(path, language, "query")
    with open_part(path, language, "candidates") as (candidate_ids, candidates):
        where = {identifier: number for number, identifier in enumerate(candidate_ids)}
        if stray := [identifier for identifier in query_ids if identifier not in where]:
            raise StudyError(
                f"{path}, {language}: no candidate has the id {stray[0]} of a query; delete it and run again."
            )
        gold = np.array([where[identifier] for identifier in query_ids])
        with measuring(path):
            accuracies = top1_accuracies(queries, candidates, gold, similarities)
    sizes = {"queries": len(query_ids), "candidates": len(candidate_ids)}
    for similarity, accuracy in accuracies.items():
        yield similarity, {"direction": "to_english", **sizes, "accuracy": accuracy}


if __name__ == "__main__":
    stage.run(main)

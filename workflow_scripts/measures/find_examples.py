"""Find the query whose retrieval the intervention mends most clearly in each candidate language (paper, Figure 1)."""

from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.config.settings import Similarity, Target
from workflow_scripts.config.specs import SpaceSpec
from workflow_scripts.embeddings import embedding_files
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.examples import Ranking, clearest_gain, rank
from workflow_scripts.measures.metric_files import write_metric
from workflow_scripts.measures.registry import similarities
from workflow_scripts.measures.scores import scores_of
from workflow_scripts.texts import schema

PART = "sentence"
# Whole numbers that are absent where no query is shown.
RANKS = {"pre_rank": "Int64", "post_rank": "Int64"}


class Spec(SpaceSpec):
    """What the examples depend on; the query language is the target, candidate languages are all others."""

    query: Target
    similarity: Similarity


def rankings(path: Path, spec: Spec) -> tuple[list[str], dict[str, Ranking]]:
    """Return the ids of the queries, and in each candidate language how their translations rank.

    For centred similarities the mean of all sentences of all languages is subtracted, as where accuracies are measured.
    One language's candidates are held at a time.

    Raises:
        StudyError: as `embedding_files.read_part`, or the ids of two languages differ.
    """
    ids, queries = embedding_files.read_part(path, spec.query, PART)
    centre = centre_of(path, spec) if similarities()[spec.similarity].centred else 0
    ranked = {}
    for language in candidate_languages(spec):
        other_ids, candidates = embedding_files.read_part(path, language, PART)
        if other_ids != ids:
            raise StudyError(f"{path}: the ids of {language} differ from those of {spec.query}; delete it, run again.")
        scores = scores_of(queries - centre, candidates - centre, [spec.similarity])
        ranked[language] = rank(scores[spec.similarity])
    return ids, ranked


def centre_of(path: Path, spec: Spec) -> np.ndarray:
    """Return the mean of all sentences of all languages, [d], in float64."""
    languages = [spec.query, *candidate_languages(spec)]
    means = [embedding_files.read_part(path, code, PART)[1].mean(axis=0, dtype=np.float64) for code in languages]
    return np.mean(means, axis=0)


def candidate_languages(spec: Spec) -> list[str]:
    """Return all languages but that of the queries."""
    return [language for language in spec.languages if language != spec.query]


def read_texts(path: Path, language: str, ids: list[str]) -> list[str]:
    """Return the sentences of a language.

    Raises:
        StudyError: they are not the embedded ones.
    """
    text_ids, texts = schema.read_part(path, language, PART)
    if text_ids != ids:
        raise StudyError(f"{path} holds other sentences of {language} than were embedded; embed them again.")
    return texts


def example(pre: Ranking, post: Ranking, ids: list[str], queries: list[str], candidates: list[str]) -> dict:
    """Return one candidate language's observations: counts of queries, and the query that is helped most clearly.

    `wrong` is the most similar candidate that is not the translation, before (`pre`) and after (`post`).
    """
    counts = {
        "queries": len(ids),
        "wrong_to_right": int((~pre.found & post.found).sum()),
        "right_to_wrong": int((pre.found & ~post.found).sum()),
        "stayed_right": int((pre.found & post.found).sum()),
        "stayed_wrong": int((~pre.found & ~post.found).sum()),
    }
    row = clearest_gain(pre, post)
    if row is None:
        names = ("id", "query_text", "pre_id", "pre_text", "right_text")
        numbers = (f"{space}_{value}" for value in ("rank", "right", "wrong") for space in ("pre", "post"))
        return {**counts, **dict.fromkeys(names), **dict.fromkeys(numbers, np.nan)}
    shown = {
        "id": ids[row],
        "query_text": queries[row],
        "pre_id": ids[pre.rival[row]],
        "pre_text": candidates[pre.rival[row]],
        "right_text": candidates[row],
    }
    for value in ("rank", "right", "wrong"):
        shown |= {f"pre_{value}": getattr(pre, value)[row], f"post_{value}": getattr(post, value)[row]}
    return {**counts, **shown}


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "base": "sentence embeddings by the unintervened model (HDF5)",
            "intervened": "sentence embeddings under the condition (HDF5)",
            "texts": "the sentences (parquet)",
            "condition": "the condition (JSON)",
        },
        outputs={"examples": "counts of queries and an example by candidate language (CSV)"},
        command=command,
    )
    (ids, pre), (other_ids, post) = (rankings(path, spec) for path in (files.base, files.intervened))
    if ids != other_ids:
        raise StudyError(f"{files.base} and {files.intervened} hold different sentences; delete both and run again.")
    queries = read_texts(files.texts, spec.query, ids)
    rows = []
    for language in candidate_languages(spec):
        found = example(pre[language], post[language], ids, queries, read_texts(files.texts, language, ids))
        rows.append({"similarity": spec.similarity, "query": spec.query, "candidate": language, **found})
    write_metric(files.examples, read_condition(files.condition), spec.dataset, pd.DataFrame(rows).astype(RANKS))


if __name__ == "__main__":
    stage.run(main)

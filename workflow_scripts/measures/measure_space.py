"""Measure a space of sentence embeddings: distances, medoids, retrieval, alignment and ABX discrimination.

Distances between all pairs of languages, and of each to the medoid (paper, section 4); retrieval of every language's
translations among every other's sentences (section 5); ABX discrimination of language and of meaning; and how well
languages are aligned beyond a shift of the whole space. In the measures of alignment, the space `pre` is that of the
unintervened model and `post` that of the intervened one. `constant` is the control of the intervention: the base
embeddings with one and the same vector added to each, the difference of the means of both. Forced constants alone do
that much, and shrink raw cosine distances thereby.

Each layer that was embedded is a space of its own, with files of its own.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.config.settings import Layers, Similarities
from workflow_scripts.config.specs import SpaceSpec
from workflow_scripts.embeddings.embedding_files import open_part, read_aligned
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.measures.centring import CENTRINGS, Centring, centred, shift_between
from workflow_scripts.measures.definitions.abx import abx_scores
from workflow_scripts.measures.definitions.distances import distances_to
from workflow_scripts.measures.definitions.rankings import counted
from workflow_scripts.measures.metric_files import measuring, write_metric
from workflow_scripts.measures.queries import write_retrieved
from workflow_scripts.measures.registry import (
    distances,
    measures,
    medoids,
    ranking_measures,
    similarities,
)
from workflow_scripts.measures.scores import scores_of_every_two

Values = dict[str, np.ndarray]  # by measure: [languages, languages] of pairs, [languages], or [] of the space
OUTPUTS = {
    "distances": "distances by measure and ordered pair (CSV)",
    "medoid": "distances to medoids (CSV)",
    "retrieval": "top-1 accuracy by similarity and ordered pair (CSV)",
    "alignment": "every measure of pairs of languages, languages and the space (CSV)",
    "abx": "scores by task and ordered pair of languages (CSV)",
}
RETRIEVED = {"retrieved[...]": "one file per layer: what each query counts in retrieval (parquet)"}


class Spec(SpaceSpec):
    """What the measures depend on."""

    layers: Layers
    similarities: Similarities


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "base...": "sentence embeddings by the unintervened model, one file per layer (HDF5)",
            "embeddings...": "those under the condition, or those of the unintervened model again (HDF5)",
            "condition": "the condition (JSON)",
        },
        outputs={f"{name}...": f"one file per layer: {what}" for name, what in OUTPUTS.items()} | RETRIEVED,
        command=command,
    )
    condition = read_condition(files.condition)
    outputs = zip(*(getattr(files, name) for name in OUTPUTS), strict=True)
    retrieved = files.retrieved or [None] * len(spec.layers)
    inputs = zip(spec.layers, files.base, files.embeddings, strict=True)
    for (layer, base, embeddings), paths, of_queries in zip(inputs, outputs, retrieved, strict=True):
        rows, found = measured(embeddings, None if condition.units == "none" else base, spec)
        for name, path in zip(OUTPUTS, paths, strict=True):
            write_metric(path, condition, spec.dataset, pd.DataFrame(rows[name]), layer)
        if of_queries:
            write_retrieved(of_queries, condition, spec.dataset, found, spec.languages)


def measured(path: Path, base: Path | None, spec: Spec) -> tuple[dict[str, list[dict]], Values]:
    """Return the rows of every CSV, of a space and, unless it is the unintervened one, of its constant control.

    And what each query counts in retrieval, by similarity, as `rank_measures` has it.

    Args:
        path: Embeddings of the space.
        base: Embeddings by the unintervened model; None: the space is that one.
        spec: What the measures depend on.

    Raises:
        StudyError: a file cannot be read (`read_aligned`), or an embedding has no direction.
    """
    embeddings = read_aligned(path, spec.languages)
    with open_part(path, spec.languages[0]) as (ids, _), measuring(path):
        between = {name: each.compute(embeddings) for name, each in distances().items()}
        to_medoids = medoid_rows(embeddings, ids, spec.languages)
        discriminated = abx_scores(embeddings)
        alignment, found = aligned("post" if base else "pre", embeddings, spec)
        if base:
            control = read_aligned(base, spec.languages)
            shift = shift_between(control, embeddings)
            del embeddings
            for side in control:
                side += shift.astype(control.dtype)
            alignment += aligned("constant", control, spec)[0]
    rows = {
        "distances": [
            {"measure": name, **row} for name, values in between.items() for row in observations(values, spec.languages)
        ],
        "medoid": to_medoids,
        "retrieval": [
            {"similarity": name, "query": row["query"], "candidate": row["candidate"], "sentences": len(ids)}
            | {"accuracy": row["value"]}
            for name in spec.similarities
            for row in observations(found[name].mean(axis=-1), spec.languages)
        ],
        "alignment": alignment,
        "abx": [
            {"task": task, "first": row["query"], "second": row["candidate"], "sentences": len(ids)}
            | {"score": row["value"]}
            for task, values in discriminated.items()
            for row in observations(values, spec.languages)
        ],
    }
    return rows, found


def medoid_rows(embeddings: np.ndarray, ids: list[str], languages: list[str]) -> list[dict]:
    """Return the distance of each language to each medoid, as rows that say where the medoid lies."""
    rows = []
    for name, each in medoids().items():
        medoid = each.compute(embeddings)
        where = {
            "medoid_language": None if medoid.language is None else languages[medoid.language],
            "medoid_id": None if medoid.sentence is None else ids[medoid.sentence],
        }
        for language, value in zip(languages, distances_to(medoid, embeddings), strict=True):
            rows.append({"medoid": name, "language": language, "value": value, **where})
    return rows


def aligned(space: str, embeddings: np.ndarray, spec: Spec) -> tuple[list[dict], Values]:
    """Return every measure of alignment of a space [languages, sentences, d] as rows, and what is found in retrieval.

    Of the constant control there is only what a constant can change, and no retrieval: in everything else it is the
    unintervened space.
    """
    control = space == "constant"
    found: list[tuple[Centring, str, np.ndarray]] = []
    retrieved: Values = {}
    for centring in ["none"] if control else CENTRINGS:
        own = centred(embeddings, centring)
        asked = [] if control else [name for name in spec.similarities if _space_of(name) == centring]
        ranked, of_retrieval = rank_measures(own, centring, asked)
        retrieved |= of_retrieval
        found += [(centring, name, values) for name, values in ranked.items()]
        for name, each in measures().items():
            if each.moves and centring in each.centrings:
                found.append((centring, name, each.compute(own)))
    if not control:
        found += [("none", name, each.compute(embeddings)) for name, each in measures().items() if not each.moves]
    rows = [
        {"space": space, "centring": centring, "measure": name, **row}
        for centring, name, values in found
        for row in observations(np.asarray(values), spec.languages)
    ]
    return rows, retrieved


def _space_of(similarity: str) -> Centring:
    """The centring of the space in which candidates are ranked by a similarity."""
    return "all" if similarities()[similarity].centred else "none"


def rank_measures(embeddings: np.ndarray, centring: Centring, asked: list[str]) -> tuple[Values, Values]:
    """Return measures of ranks, of every language (row) as query in every other (column), NaN on the diagonals.

    Args:
        embeddings: Of the space after centring, [languages, sentences, d].
        centring: How it was centred.
        asked: Names of similarities.

    Returns:
        The measures of alignment by name, [languages, languages], and by each of the similarities that are asked for
        what each query counts in retrieval, [languages, languages, sentences].
    """
    of_alignment = {name: (how[0].name, how[1].compute) for name, how in ranking_measures(centring).items()}
    of_retrieval = {name: (name, counted) for name in asked}
    count, sentences, _ = embeddings.shape
    matrices = [
        {name: np.full(shape, np.nan) for name in group}
        for group, shape in ((of_alignment, (count, count)), (of_retrieval, (count, count, sentences)))
    ]
    names = dict.fromkeys(name for group in (of_alignment, of_retrieval) for name, _ in group.values())
    for one, other, forth in scores_of_every_two(embeddings, names):
        back = {name: scores.transposed for name, scores in forth.items()}
        for pair, scores in (((one, other), forth), ((other, one), back)):
            for group, found in zip((of_alignment, of_retrieval), matrices, strict=True):
                for name, (similarity, compute) in group.items():
                    found[name][pair] = compute(scores[similarity])
    return matrices[0], matrices[1]


def observations(values: np.ndarray, languages: list[str]) -> list[dict]:
    """Return values of ordered pairs of different languages, of languages (as query), or of the space, as rows."""
    if values.ndim == 0:
        return [{"query": None, "candidate": None, "value": float(values)}]
    if values.ndim == 1:
        return [
            {"query": language, "candidate": None, "value": value}
            for language, value in zip(languages, values, strict=True)
        ]
    return [
        {"query": query, "candidate": candidate, "value": values[row, column]}
        for row, query in enumerate(languages)
        for column, candidate in enumerate(languages)
        if row != column
    ]


if __name__ == "__main__":
    stage.run(main)

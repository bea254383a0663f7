"""Measure how well languages are aligned beyond a shift of the whole space: before, after, and with the shift alone.

The space `pre` is the unintervened model's, `post` the intervened one's. `constant` is the control of the latter: the
unintervened embeddings with one and the same vector added to each, the difference of the two spaces' means. Forced
constants alone do that much, and shrink raw cosine distances thereby.
"""

import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.embeddings.embedding_files import Layer, read_aligned
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.measures.centring import Centring, centred, shift_between
from workflow_scripts.measures.distances import aligned_distances, distances_to, pair_distances, sentence_medoid
from workflow_scripts.measures.geometry import anisotropy, effective_rank, effective_rank_of_space, variance_explained
from workflow_scripts.measures.metric_files import measuring, write_metric
from workflow_scripts.measures.relations import debiased_cka, representational_similarity, shuffled_cka_deviation
from workflow_scripts.measures.search import searches

Matrices = dict[str, np.ndarray]  # by measure: [languages, languages] of pairs, [languages] or [] of the space


class Spec(stage.Spec):
    """What the measures depend on."""

    dataset: str = Field(description="Name of the parallel data set.")
    layer: Layer = Field(description="Layer whose output the embeddings are, as in the config.")
    languages: list[str] = Field(min_length=2, description="Languages of the space.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "base": "embeddings by the unintervened model (HDF5)",
            "intervened": "embeddings under the condition, or those of the unintervened model again (HDF5)",
            "condition": "the condition (JSON)",
        },
        outputs={"alignment": "every measure of pairs of languages, languages and the space (CSV)"},
        command=command,
    )
    condition = read_condition(files.condition)
    embeddings = read_aligned(files.intervened, spec.languages)
    with measuring(files.intervened):
        if condition.units == "none":
            rows = measured("pre", embeddings, spec.languages)
        else:
            rows = measured("post", embeddings, spec.languages)
            base = read_aligned(files.base, spec.languages)
            shift = shift_between(base, embeddings)
            del embeddings
            for side in base:
                side += shift.astype(base.dtype)
            rows += measured("constant", base, spec.languages)
    write_metric(files.alignment, condition, spec.dataset, pd.DataFrame(rows), spec.layer)


def measured(space: str, embeddings: np.ndarray, languages: list[str]) -> list[dict]:
    """Every measure of a space [languages, sentences, d], as rows.

    Of the constant control only what a constant can change: in everything else it is the unintervened space.
    """
    found: list[tuple[Centring, Matrices]] = []
    for centring in ["none"] if space == "constant" else ["none", "all", "language"]:
        found.append((centring, directions(centred(embeddings, centring), centring)))
    if space != "constant":
        found.append(("none", relations(embeddings)))
    return [
        {"space": space, "centring": centring, "measure": measure, **observed}
        for centring, matrices in found
        for measure, values in matrices.items()
        for observed in observations(values, languages)
    ]


def directions(embeddings: np.ndarray, centring: Centring) -> Matrices:
    """Measures that are made of cosines, which a constant changes, in a space that was centred in this way."""
    matrices = {
        **searches(embeddings, rescored=centring == "none"),
        "aligned": aligned_distances(embeddings),
        "rsa": representational_similarity(embeddings),
    }
    if centring != "language":  # then the mean of each language is zero, which these would say and no more
        matrices |= {
            "pairs": pair_distances(embeddings),
            "medoid": distances_to(sentence_medoid(embeddings), embeddings),
            "anisotropy": anisotropy(embeddings),
        }
    return matrices


def relations(embeddings: np.ndarray) -> Matrices:
    """Measures that a constant added to every sentence does not change."""
    cka = debiased_cka(embeddings)
    by_language, by_sentence = variance_explained(embeddings)
    return {
        "cka": cka,
        "cka_over_shuffled": cka / shuffled_cka_deviation(embeddings.shape[1]),
        "effective_rank": np.array([effective_rank(side) for side in embeddings]),
        "effective_rank_of_space": np.array(effective_rank_of_space(embeddings)),
        "variance_by_language": np.array(by_language),
        "variance_by_sentence": np.array(by_sentence),
    }


def observations(values: np.ndarray, languages: list[str]) -> list[dict]:
    """Values of ordered pairs of different languages, of languages (as query), or of the space, as rows."""
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

"""Measure paraphrase retrieval in one language, in the space before, after, and between the two (paper, section 6).

And the same of the constant control: the space before with the difference of the two spaces' means added to every
sentence, in the place of the space after.
"""

import numpy as np
import pandas as pd

from workflow_scripts.config.settings import DatasetName, Similarities, Target
from workflow_scripts.embeddings.embedding_files import read_part
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.centring import shift_between
from workflow_scripts.measures.definitions.rankings import accuracy
from workflow_scripts.measures.metric_files import measuring, write_metric
from workflow_scripts.measures.registry import similarities
from workflow_scripts.measures.scores import scores_of


class Spec(stage.Spec):
    """What the accuracies depend on; the sentences are in the language of the target."""

    dataset: DatasetName
    language: Target
    similarities: Similarities


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "base": "embeddings by the unintervened model (HDF5)",
            "intervened": "embeddings under the condition (HDF5)",
            "condition": "the condition (JSON)",
        },
        outputs={"paraphrase": "top-1 accuracy by similarity and space (CSV)"},
        command=command,
    )
    (ids, *pre), (other_ids, *post) = (read_pairs(path, spec.language) for path in (files.base, files.intervened))
    if ids != other_ids:
        raise StudyError(f"{files.base} and {files.intervened} hold different sentences; delete both and run again.")
    shift = shift_between(np.concatenate(pre), np.concatenate(post))
    constant = [(side + shift).astype(side.dtype) for side in pre]
    # Queries from the first sentences, candidates are all second sentences; mixed: queries pre, candidates post.
    spaces = {
        "pre": (pre, pre),
        "post": (post, post),
        "mixed": (pre, post),
        "constant": (constant, constant),
        "constant_mixed": (pre, constant),
    }
    with measuring(files.intervened):
        accuracies = {space: space_accuracies(*both, spec.similarities) for space, both in spaces.items()}
    rows = [
        {
            "similarity": similarity,
            "language": spec.language,
            "space": space,
            "pairs": len(ids),
            "accuracy": accuracies[space][similarity],
        }
        for similarity in spec.similarities
        for space in spaces
    ]
    write_metric(files.paraphrase, read_condition(files.condition), spec.dataset, pd.DataFrame(rows))


def space_accuracies(
    of_queries: list[np.ndarray], of_candidates: list[np.ndarray], names: list[str]
) -> dict[str, float]:
    """Return the top-1 accuracy by each similarity, from the first sentences of one space to the second of another.

    Of each space the embeddings [pairs, d] of both sentences are given, whose mean centres it for centred similarities.
    """
    found = {}
    for centred in (False, True):
        queries, candidates = of_queries[0], of_candidates[1]
        if centred:
            queries = queries - np.concatenate(of_queries).mean(axis=0, dtype=np.float64)
            candidates = candidates - np.concatenate(of_candidates).mean(axis=0, dtype=np.float64)
        asked = [name for name in names if similarities()[name].centred == centred]
        found |= {name: accuracy(scores) for name, scores in scores_of(queries, candidates, asked).items()}
    return found


def read_pairs(path, language: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the ids of the pairs and the embeddings [pairs, d] of both sentences.

    Raises:
        StudyError: the two sides hold different pairs.
    """
    (ids, first), (other_ids, second) = (read_part(path, language, part) for part in ("sentence1", "sentence2"))
    if ids != other_ids:
        raise StudyError(f"{path}: {language} has other ids in sentence1 than in sentence2.")
    return ids, first, second


if __name__ == "__main__":
    stage.run(main)

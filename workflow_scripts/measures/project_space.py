"""Project sentence embeddings before and after each intervention to the plane, both in one UMAP (paper, section 4).

All interventions on a model in one job, since UMAP's code takes half a minute to compile before it projects anything.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.config.settings import Components, MinDistance, Neighbours, ProjectedSentences, ProjectionSeed
from workflow_scripts.config.specs import SpaceSpec
from workflow_scripts.embeddings.embedding_files import read_aligned, read_part
from workflow_scripts.interventions.conditions import Condition, read_condition
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.parquet import write_parquet
from workflow_scripts.jobs.progress import Progress
from workflow_scripts.measures.projection import project

CONDITION_COLUMNS = ["model", "condition", "target", "pooling", "units", "k", "seed"]
COLUMNS = [*CONDITION_COLUMNS, "space", "language", "id", "x", "y"]


class Spec(SpaceSpec):
    """What the projection depends on."""

    sentences: ProjectedSentences
    neighbours: Neighbours
    min_distance: MinDistance
    seed: ProjectionSeed
    components: Components


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={
            "base": "embeddings by the unintervened model (HDF5)",
            "intervened...": "embeddings under each condition (HDF5)",
            "conditions...": "the conditions, in the same order (JSON)",
        },
        outputs={"projections": "coordinates of every sentence before and after each intervention (parquet)"},
        command=command,
    )
    frames = []
    with Progress("projecting", total=len(files.conditions), unit="condition") as progress:
        for intervened, condition in zip(files.intervened, map(read_condition, files.conditions), strict=True):
            ids, embeddings = read_both(files.base, intervened, spec.languages, spec.sentences)
            points = embeddings.reshape(-1, embeddings.shape[-1])
            plane = project(points, spec.neighbours, spec.min_distance, spec.seed, spec.components)
            frames.append(as_frame(condition, spec.languages, ids, plane))
            progress.advance()
    write_parquet(files.projections, pd.concat(frames, ignore_index=True))


def read_both(
    base: Path, intervened: Path, languages: list[str], sentences: int | None
) -> tuple[list[str], np.ndarray]:
    """Return the ids of the first sentences and their embeddings in both spaces, [pre and post, languages, sentences,
    d].

    Raises:
        StudyError: a file cannot be read (`read_aligned`), or the two hold different sentences.
    """
    ids, others = (read_part(path, languages[0])[0] for path in (base, intervened))
    if ids != others:
        raise StudyError(f"{base} and {intervened} hold different sentences; delete both and run again.")
    return ids[:sentences], np.stack([read_aligned(path, languages)[:, :sentences] for path in (base, intervened)])


def as_frame(condition: Condition, languages: list[str], ids: list[str], plane: np.ndarray) -> pd.DataFrame:
    """Return the coordinates [pre and post * languages * sentences, 2] with what they are of, one sentence in one space
    a row.
    """
    points = pd.MultiIndex.from_product([["pre", "post"], languages, ids], names=["space", "language", "id"])
    frame = points.to_frame(index=False).assign(x=plane[:, 0], y=plane[:, 1])
    leading = {name: value for name, value in condition.columns().items() if name in CONDITION_COLUMNS}
    # Experts have no seed: the column is empty then, and still one of integers.
    return frame.assign(**leading)[COLUMNS].astype({"seed": "Int64"})


if __name__ == "__main__":
    stage.run(main)

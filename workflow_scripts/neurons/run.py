"""What stages share that find a number of every neuron in each language: a pass a language, kept in the cache."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from workflow_scripts.config.specs import ProbingSpec
from workflow_scripts.jobs.files import content_hash, written_whole
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.models.run import model_run
from workflow_scripts.neurons.unit_score_files import write_scores
from workflow_scripts.texts.schema import read_part


def score_units(spec: ProbingSpec, files: Namespace, path: Path, kind: str, score: Callable[..., np.ndarray]) -> None:
    """Write the numbers of all neurons in each language of a spec, as `read_scores` reads them.

    Args:
        spec: Languages, and the tokens after which a sentence is cut off.
        files: Of the stage; its texts are the probing sentences.
        path: What is written (HDF5).
        kind: Name of the numbers, in the cache and, with blanks, beside the progress.
        score: Gives float64 [neurons] of the model, the texts of a language, the tokens of a text and of a batch, what
            is shown with the progress, and the language.

    Raises:
        StudyError: as `score`, or the texts have no such language.
    """
    with model_run(files, kind) as run, written_whole(path) as beside, created(beside) as out:
        for language in spec.languages:
            _, texts = read_part(files.texts, language, "sentence")
            key = run.key(
                language,
                sites=[site.module for site in run.manifest.sites],
                max_tokens=spec.max_tokens,
                texts=content_hash(texts),
            )

            def compute(cell: h5py.File, texts: list[str] = texts, language: str = language) -> None:
                what = f"{kind.replace('_', ' ')} of {language}"
                found = score(run.model, texts, spec.max_tokens, run.tokens_per_batch, what, language)
                write_scores(cell, "scores", found)

            with h5py.File(run.cell(key, compute), "r") as cell:
                write_scores(out, language, cell["scores"][:])

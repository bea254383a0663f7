"""Find how far every neuron moves states towards each target's centroid: transfer neurons (Tezuka and Inoue 2025)."""

import h5py

from workflow_scripts.config.specs import ProbingSpec
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.files import content_hash, written_whole
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.models.run import model_run
from workflow_scripts.neurons.unit_score_files import write_scores
from workflow_scripts.texts.schema import read_part


class Spec(ProbingSpec):
    """What the scores depend on; its languages are the targets."""


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={"model": "manifest of the model", "texts": "probing sentences (parquet)"},
        outputs={"scores": "transfer scores of all neurons (HDF5)"},
        command=command,
    )
    with (
        model_run(files, "transfer_scores") as run,
        written_whole(files.scores) as beside,
        created(beside) as out,
    ):
        for language in spec.languages:
            _, texts = read_part(files.texts, language, "sentence")
            key = run.key(
                language,
                sites=[site.module for site in run.manifest.sites],
                max_tokens=spec.max_tokens,
                texts=content_hash(texts),
            )

            def compute(cell: h5py.File, texts: list[str] = texts, language: str = language) -> None:
                from workflow_scripts.neurons.transfer_scores import transfer_scores

                what = f"transfer scores of {language}"
                found = transfer_scores(run.model, texts, spec.max_tokens, run.tokens_per_batch, what, language)
                write_scores(cell, "scores", found)

            with h5py.File(run.cell(key, compute), "r") as cell:
                write_scores(out, language, cell["scores"][:])


if __name__ == "__main__":
    stage.run(main)

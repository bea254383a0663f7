"""Record the responses of a model's neurons to the probing sentences of every language (paper, section 3.1).

One pass a language. A finished language is kept in the cache, so that a killed job or an added language costs only what
is missing.
"""

from dataclasses import asdict

import h5py

from workflow_scripts.config.settings import Poolings, Storage
from workflow_scripts.config.specs import ProbingSpec
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.files import canonical_json, content_hash, written_whole
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.models.run import model_run
from workflow_scripts.neurons.activation_files import copy_language
from workflow_scripts.texts.schema import read_part


class Spec(ProbingSpec):
    """What the responses depend on."""

    poolings: Poolings
    storage: Storage


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={"model": "manifest of the model", "texts": "probing sentences (parquet)"},
        outputs={"activations": "responses of all neurons (HDF5)"},
        command=command,
    )
    with model_run(files, "activations") as run, written_whole(files.activations) as beside, created(beside) as out:
        for language in spec.languages:
            _, texts = read_part(files.texts, language, "sentence")
            key = run.key(
                language,
                sites=[site.module for site in run.manifest.sites],
                poolings=sorted(spec.poolings),
                storage=spec.storage,
                max_tokens=spec.max_tokens,
                texts=content_hash(texts),
            )

            def compute(cell: h5py.File, texts: list[str] = texts, language: str = language) -> None:
                from workflow_scripts.neurons.extraction import record

                settings = spec.poolings, spec.max_tokens, spec.storage, run.tokens_per_batch
                record(cell, run.model, texts, *settings, f"responses to {language}", language)

            copy_language(run.cell(key, compute), out, language)
        out.attrs["sites"] = canonical_json({"sites": [asdict(site) for site in run.manifest.sites]})
        out.attrs["model"] = run.manifest.identity


if __name__ == "__main__":
    stage.run(main)

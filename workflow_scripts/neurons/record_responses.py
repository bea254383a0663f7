"""Record the responses of a model's neurons to the probing sentences of every language (paper, section 3.1).

One pass a language. A finished language is kept in the cache, so that a killed job or an added language costs only what
is missing.
"""

from dataclasses import asdict
from typing import Literal

import h5py
from pydantic import Field

from workflow_scripts.jobs import stage
from workflow_scripts.jobs.cells import CellStore
from workflow_scripts.jobs.files import canonical_json, content_hash, written_whole
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.jobs.usage import measured
from workflow_scripts.models.devices import take_device
from workflow_scripts.models.loading import LanguageModel, load_model
from workflow_scripts.models.manifests import read_manifest
from workflow_scripts.neurons.activation_files import copy_language
from workflow_scripts.neurons.extraction import record
from workflow_scripts.texts.schema import read_part


class Spec(stage.Spec):
    """What the responses depend on."""

    languages: list[str] = Field(description="Probing languages.")
    poolings: list[Literal["max", "mean", "last"]] = Field(description="How responses are pooled over tokens.")
    max_tokens: int = Field(description="Tokens after which a sentence is cut off.")
    storage: Literal["float16", "float32"] = Field(description="Data type of the cache.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={"model": "manifest of the model", "texts": "probing sentences (parquet)"},
        outputs={"activations": "responses of all neurons (HDF5)"},
        command=command,
    )
    manifest = read_manifest(files.model)
    store = CellStore(files.cache, "activations")
    model: LanguageModel | None = None
    with (
        measured(files.usage) as usage,
        take_device(files.device) as device,
        written_whole(files.activations) as beside,
        created(beside) as out,
    ):
        for language in spec.languages:
            _, texts = read_part(files.texts, language, "sentence")
            key = {
                "model": manifest.identity_for(language),
                "dtype": manifest.dtype,
                "sites": [site.module for site in manifest.sites],
                "poolings": sorted(spec.poolings),
                "storage": spec.storage,
                "max_tokens": spec.max_tokens,
                "texts": content_hash(texts),
                "code": files.code,
            }

            def compute(cell: h5py.File, texts: list[str] = texts, language: str = language) -> None:
                nonlocal model
                model = model or load_model(manifest, device)
                settings = spec.poolings, spec.max_tokens, spec.storage, files.tokens_per_batch
                record(cell, model, texts, *settings, f"responses to {language}", language)

            copy_language(usage.cell(store, key, compute), out, language)
        out.attrs["sites"] = canonical_json({"sites": [asdict(site) for site in manifest.sites]})
        out.attrs["model"] = manifest.identity


if __name__ == "__main__":
    stage.run(main)

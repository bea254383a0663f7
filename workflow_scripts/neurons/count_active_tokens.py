"""Find for what share of each probing language's tokens every neuron is active, for LAPE (Tang et al. 2024)."""

import h5py
from pydantic import Field

from workflow_scripts.jobs import stage
from workflow_scripts.jobs.cells import CellStore
from workflow_scripts.jobs.files import content_hash, written_whole
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.jobs.usage import measured
from workflow_scripts.models.devices import take_device
from workflow_scripts.models.loading import LanguageModel, load_model
from workflow_scripts.models.manifests import read_manifest
from workflow_scripts.neurons.activation_probabilities import activation_probabilities
from workflow_scripts.neurons.activation_probability_files import write_probabilities
from workflow_scripts.texts.schema import read_part


class Spec(stage.Spec):
    """What the probabilities depend on."""

    languages: list[str] = Field(min_length=2, description="Probing languages.")
    max_tokens: int = Field(description="Tokens after which a sentence is cut off.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={"model": "manifest of the model", "texts": "probing sentences (parquet)"},
        outputs={"probabilities": "activation probabilities of all neurons (HDF5)"},
        command=command,
    )
    manifest = read_manifest(files.model)
    store = CellStore(files.cache, "activation_probabilities")
    model: LanguageModel | None = None
    with (
        measured(files.usage) as usage,
        take_device(files.device) as device,
        written_whole(files.probabilities) as beside,
        created(beside) as out,
    ):
        for language in spec.languages:
            _, texts = read_part(files.texts, language, "sentence")
            key = {
                "model": manifest.identity_for(language),
                "dtype": manifest.dtype,
                "sites": [site.module for site in manifest.sites],
                "max_tokens": spec.max_tokens,
                "texts": content_hash(texts),
                "code": files.code,
            }

            def compute(cell: h5py.File, texts: list[str] = texts, language: str = language) -> None:
                nonlocal model
                model = model or load_model(manifest, device)
                what = f"activation probabilities of {language}"
                found = activation_probabilities(model, texts, spec.max_tokens, files.tokens_per_batch, what, language)
                write_probabilities(cell, "probabilities", found)

            with h5py.File(usage.cell(store, key, compute), "r") as cell:
                write_probabilities(out, language, cell["probabilities"][:])


if __name__ == "__main__":
    stage.run(main)

"""Mean states of a layer over the probing sentences of each language, for methods that act on whole layers."""

from typing import Literal

import h5py
import numpy as np
from pydantic import Field

from workflow_scripts.conditions.layer_means import write_mean
from workflow_scripts.embeddings.sentences import embed
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.cells import CellStore
from workflow_scripts.jobs.files import content_hash, written_whole
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.jobs.usage import measured
from workflow_scripts.models.devices import take_device
from workflow_scripts.models.loading import LanguageModel, load_model
from workflow_scripts.models.manifests import read_manifest
from workflow_scripts.models.sites import module_of_layer
from workflow_scripts.texts.schema import read_part


class Spec(stage.Spec):
    """What the means depend on."""

    languages: list[str] = Field(min_length=2, description="Probing languages.")
    layer: int | Literal["last"] = Field(description="Layer: the states after n blocks, or those after the final norm.")
    max_tokens: int = Field(description="Tokens after which a sentence is cut off.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={"model": "manifest of the model", "texts": "probing sentences (parquet)"},
        outputs={"means": "mean states by language (HDF5)"},
        command=command,
    )
    manifest = read_manifest(files.model)
    module_of_layer(manifest.blocks, spec.layer)  # refused before the model is loaded
    store = CellStore(files.cache, "layer_means")
    model: LanguageModel | None = None
    with (
        measured(files.usage) as usage,
        take_device(files.device) as device,
        written_whole(files.means) as beside,
        created(beside) as out,
    ):
        for language in spec.languages:
            _, texts = read_part(files.texts, language, "sentence")
            key = {
                "model": manifest.identity_for(language),
                "dtype": manifest.dtype,
                **spec.model_dump(include={"layer", "max_tokens"}),
                "texts": content_hash(texts),
                "code": files.code,
            }

            def compute(cell: h5py.File, texts: list[str] = texts, language: str = language) -> None:
                nonlocal model
                model = model or load_model(manifest, device)
                states = embed(
                    model,
                    texts,
                    layer=None if spec.layer == "last" else spec.layer,
                    max_tokens=spec.max_tokens,
                    tokens_per_batch=files.tokens_per_batch,
                    language=language,
                    what=f"layer {spec.layer} of {language}",
                )
                write_mean(cell, "mean", states.mean(axis=0, dtype=np.float64))

            with h5py.File(usage.cell(store, key, compute), "r") as cell:
                write_mean(out, f"mean/{language}", cell["mean"][:])
            write_mean(out, f"sentences/{language}", np.array(len(texts)))


if __name__ == "__main__":
    stage.run(main)

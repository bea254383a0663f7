"""Embed the sentences of a data set with a model under one condition (paper, sections 4 and 5).

The model is loaded once and embeds every language. A finished language is kept in the cache, so that a killed job or an
added language costs only what is missing.
"""

from typing import Literal

import h5py
from pydantic import Field

from workflow_scripts.lib import stage
from workflow_scripts.lib.cells import CellStore
from workflow_scripts.lib.conditions import read_condition
from workflow_scripts.lib.devices import take_device
from workflow_scripts.lib.embedding import embed
from workflow_scripts.lib.embedding_files import copy_part, write_part
from workflow_scripts.lib.files import content_hash, written_whole
from workflow_scripts.lib.hdf5 import created
from workflow_scripts.lib.interventions import intervene
from workflow_scripts.lib.manifests import read_manifest
from workflow_scripts.lib.models import LanguageModel, load_model
from workflow_scripts.lib.texts.schema import read_part
from workflow_scripts.lib.usage import measured


class Spec(stage.Spec):
    """What the embeddings depend on."""

    languages: list[str] = Field(description="Languages to embed.")
    parts: list[str] = Field(description="Parts of the data set to embed, like sentence, or sentence1 and sentence2.")
    pooling: Literal["mean", "mean_without_bos", "last"] = Field(description="Pooling over the tokens of a sentence.")
    layer: Literal["last"] | int = Field(description="Layer whose hidden states are pooled.")
    max_tokens: int = Field(description="Tokens after which a sentence is cut off.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={
            "model": "manifest of the model",
            "condition": "the intervention, or none (JSON)",
            "texts": "sentences (parquet)",
        },
        outputs={"embeddings": "sentence embeddings (HDF5)"},
        command=command,
    )
    manifest, condition = read_manifest(files.model), read_condition(files.condition)
    store = CellStore(files.cache, "embeddings")
    model: LanguageModel | None = None
    with (
        measured(files.usage) as usage,
        take_device(files.device) as device,
        written_whole(files.embeddings) as beside,
        created(beside) as out,
    ):
        for language in spec.languages:
            for part in spec.parts:
                ids, texts = read_part(files.texts, language, part)
                key = {
                    "model": manifest.identity,
                    "dtype": manifest.dtype,
                    "change": condition.change,
                    **spec.model_dump(include={"pooling", "layer", "max_tokens"}),
                    "texts": content_hash([ids, texts]),
                    "code": files.code,
                }

                def compute(
                    cell: h5py.File, ids=ids, texts=texts, what=f"{condition.name}: embedding {language} {part}"
                ) -> None:
                    nonlocal model
                    model = model or load_model(manifest, device)
                    with intervene(model, condition):
                        embeddings = embed(
                            model,
                            texts,
                            pooling=spec.pooling,
                            layer=None if spec.layer == "last" else spec.layer,
                            max_tokens=spec.max_tokens,
                            tokens_per_batch=files.tokens_per_batch,
                            what=what,
                        )
                    write_part(cell, ids, embeddings)

                copy_part(usage.cell(store, key, compute), out, language, part)


if __name__ == "__main__":
    stage.run(main)

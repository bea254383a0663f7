"""Embed the words of a treebank with a model under one condition, or with the same architecture at random weights.

Works through languages as the stage `embeddings` does; a finished language is kept in the cache.
"""

import logging
from typing import Literal

import h5py
from pydantic import Field

from workflow_scripts.embeddings.word_files import copy_words, write_words
from workflow_scripts.embeddings.words import embed_words
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.interventions.hooks import steer
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.cells import CellStore
from workflow_scripts.jobs.files import content_hash, written_whole
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.jobs.usage import measured
from workflow_scripts.models.devices import take_device
from workflow_scripts.models.loading import LanguageModel, load_model, random_model
from workflow_scripts.models.manifests import read_manifest
from workflow_scripts.texts.schema import read_part, read_spans

log = logging.getLogger("stage")


class Spec(stage.Spec):
    """What the embeddings depend on."""

    languages: list[str] = Field(description="Languages of the treebank to embed.")
    layer: Literal["last"] | int = Field(description="Layer whose hidden states are pooled.")
    max_tokens: int = Field(description="A sentence with more tokens is left out.")
    random_weights: int | None = Field(description="Seed of random weights in place of the model's own; null: its own.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.model_arguments(
        Spec,
        __doc__,
        inputs={
            "model": "manifest of the model",
            "condition": "the intervention, or none (JSON)",
            "texts": "treebank (parquet)",
        },
        outputs={"words": "word embeddings (HDF5)"},
        command=command,
    )
    manifest, condition = read_manifest(files.model), read_condition(files.condition)
    store = CellStore(files.cache, "word_embeddings")
    model: LanguageModel | None = None
    with (
        measured(files.usage) as usage,
        take_device(files.device) as device,
        written_whole(files.words) as beside,
        created(beside) as out,
    ):
        for language in spec.languages:
            ids, texts = read_part(files.texts, language, "sentence")
            spans = read_spans(files.texts, language, ids)
            key = {
                "model": manifest.identity_for(language),
                "dtype": manifest.dtype,
                "change": condition.change,
                **spec.model_dump(include={"layer", "max_tokens", "random_weights"}),
                "texts": content_hash([ids, texts, spans]),
                "code": files.code,
            }

            def compute(cell: h5py.File, ids=ids, texts=texts, spans=spans, language=language) -> None:
                nonlocal model
                if model is None:
                    seed = spec.random_weights
                    model = load_model(manifest, device) if seed is None else random_model(manifest, device, seed)
                with steer(model, condition):
                    found = embed_words(
                        model,
                        texts,
                        spans,
                        layer=None if spec.layer == "last" else spec.layer,
                        max_tokens=spec.max_tokens,
                        tokens_per_batch=files.tokens_per_batch,
                        language=language,
                        what=f"{condition.name}: embedding the words of {language}",
                    )
                log.info("%s: %d of %d sentences left out", language, len(ids) - len(found.sentences), len(ids))
                write_words(cell, [ids[row] for row in found.sentences], found.words, found.vectors)

            copy_words(usage.cell(store, key, compute), out, language)


if __name__ == "__main__":
    stage.run(main)

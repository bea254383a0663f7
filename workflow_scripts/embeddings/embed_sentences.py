"""Embed the sentences of a data set with a model under one condition (paper, sections 4 and 5).

The model is loaded once and embeds every language. A finished language is kept in the cache, so that a killed job or an
added language costs only what is missing. Layers that are missing are embedded in one pass.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from pydantic import Field

from workflow_scripts.embeddings.embedding_files import Layer, copy_part, write_part
from workflow_scripts.embeddings.sentences import embed_layers
from workflow_scripts.interventions.conditions import read_condition
from workflow_scripts.interventions.hooks import steer
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.cells import CellStore
from workflow_scripts.jobs.files import content_hash, written_whole
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.jobs.usage import Usage, measured
from workflow_scripts.models.devices import take_device
from workflow_scripts.models.loading import LanguageModel, load_model
from workflow_scripts.models.manifests import read_manifest
from workflow_scripts.texts.schema import read_part


class Spec(stage.Spec):
    """What the embeddings depend on."""

    languages: list[str] = Field(description="Languages to embed.")
    parts: list[str] = Field(description="Parts of the data set to embed, like sentence, or sentence1 and sentence2.")
    pooling: Literal["mean", "mean_without_bos", "last"] = Field(description="Pooling over the tokens of a sentence.")
    layers: list[Layer] = Field(
        min_length=1, description="Layers whose hidden states are pooled, one for each file of embeddings."
    )
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
        outputs={"embeddings...": "sentence embeddings, one file a layer (HDF5)"},
        command=command,
    )
    manifest, condition = read_manifest(files.model), read_condition(files.condition)
    store = CellStore(files.cache, "embeddings")
    model: LanguageModel | None = None
    with ExitStack() as stack:
        usage = stack.enter_context(measured(files.usage))
        device = stack.enter_context(take_device(files.device))
        outs = [
            stack.enter_context(created(stack.enter_context(written_whole(path))))
            for _, path in zip(spec.layers, files.embeddings, strict=True)
        ]
        for language in spec.languages:
            for part in spec.parts:
                ids, texts = read_part(files.texts, language, part)
                keys = {
                    layer: {
                        "model": manifest.identity_for(language),
                        "dtype": manifest.dtype,
                        "change": condition.change,
                        "layer": layer,
                        **spec.model_dump(include={"pooling", "max_tokens"}),
                        "texts": content_hash([ids, texts]),
                        "code": files.code,
                    }
                    for layer in spec.layers
                }

                def embed(
                    layers: list[Layer],
                    texts=texts,
                    language=language,
                    what=f"{condition.name}: embedding {language} {part}",
                ) -> list[np.ndarray]:
                    nonlocal model
                    model = model or load_model(manifest, device)
                    with steer(model, condition):
                        return embed_layers(
                            model,
                            texts,
                            [None if layer == "last" else layer for layer in layers],
                            pooling=spec.pooling,
                            max_tokens=spec.max_tokens,
                            tokens_per_batch=files.tokens_per_batch,
                            what=what,
                            language=language,
                        )

                cells = cells_of_layers(store, usage, keys, ids, embed)
                for cell, out in zip(cells, outs, strict=True):
                    copy_part(cell, out, language, part)


def cells_of_layers(
    store: CellStore,
    usage: Usage,
    keys: dict[Layer, dict[str, Any]],
    ids: list[str],
    embed: Callable[[list[Layer]], list[np.ndarray]],
) -> list[Path]:
    """The cell of each layer, of one part of one language; `embed` gives the embeddings of some layers in one pass."""
    with store.reserved(list(keys.values())):
        missing = [layer for layer, key in keys.items() if not store.holds(key)]
        embedded: dict[Layer, np.ndarray] = {}

        def compute(cell: h5py.File, layer: Layer) -> None:
            if layer not in embedded:
                # Those that the cache lacks share a pass; one that it holds damaged comes alone.
                together = missing if layer in missing else [layer]
                embedded.update(zip(together, embed(together), strict=True))
            write_part(cell, ids, embedded[layer])

        return [usage.cell(store, key, partial(compute, layer=layer)) for layer, key in keys.items()]


if __name__ == "__main__":
    stage.run(main)

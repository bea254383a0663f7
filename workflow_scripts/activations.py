"""Record the responses of a model's neurons to the probing sentences of every language (paper, section 3.1).

One pass a language. A finished language is kept in the cache, so that a killed job or an added language costs only what
is missing.
"""

from typing import Literal

import h5py
import numpy as np
import torch
from pydantic import Field

from workflow_scripts.lib import stage
from workflow_scripts.lib.activation_files import CHUNK, copy_language, create_language, write_rows
from workflow_scripts.lib.batching import Batch, batches, encode, run_halving
from workflow_scripts.lib.cells import CellStore
from workflow_scripts.lib.devices import take_device
from workflow_scripts.lib.files import content_hash, written_whole
from workflow_scripts.lib.manifests import read_manifest
from workflow_scripts.lib.models import LanguageModel, load_model
from workflow_scripts.lib.progress import Progress
from workflow_scripts.lib.responses import ResponseRecorder
from workflow_scripts.lib.texts.schema import read_part
from workflow_scripts.lib.usage import measured

# Responses gathered before they are written: large enough that batches of like lengths can be formed.
BLOCK_BYTES = 2**28


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
        h5py.File(beside, "w") as out,
    ):
        for language in spec.languages:
            _, texts = read_part(files.texts, language, "sentence")
            key = {
                "model": manifest.identity,
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
                record(cell, model, texts, spec, files.tokens_per_batch, f"responses to {language}")

            copy_language(usage.cell(store, key, compute), out, language)
        out.attrs["sites"] = manifest.model_dump_json(include={"sites"})
        out.attrs["model"] = manifest.identity


def record(
    cell: h5py.File, model: LanguageModel, texts: list[str], spec: Spec, tokens_per_batch: int, what: str
) -> None:
    """Write the responses to `texts` and their token counts; memory does not grow with the number of texts."""
    manifest = model.manifest
    token_ids = encode(model.tokenizer, texts, min(spec.max_tokens, model.max_tokens or spec.max_tokens))
    datasets = create_language(cell, spec.poolings, len(texts), manifest.neurons, spec.storage)
    cell.create_dataset("tokens", data=np.array([len(ids) for ids in token_ids], dtype=np.int32))
    rows = max(1, BLOCK_BYTES // (4 * manifest.neurons * len(spec.poolings) * CHUNK[0])) * CHUNK[0]
    with (
        Progress(what, total=len(texts), unit="sentence") as progress,
        ResponseRecorder(model, manifest.sites, spec.poolings) as recorder,
    ):
        for start in range(0, len(texts), rows):
            part = token_ids[start : start + rows]
            block = {name: np.empty((len(part), manifest.neurons), dtype=np.float32) for name in spec.poolings}

            def forward(batch: Batch, block: dict[str, np.ndarray] = block) -> None:
                with torch.inference_mode():
                    for name, responses in recorder.forward(batch).items():
                        block[name][batch.rows] = responses.cpu().numpy()
                progress.advance(len(batch.rows), tokens=batch.tokens)

            for batch in batches(part, tokens_per_batch, model.pad_id):
                run_halving(forward, batch)
            with progress.paused():
                write_rows(datasets, start, block)


if __name__ == "__main__":
    stage.run(main)

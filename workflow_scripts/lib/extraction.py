"""Extraction: a model's responses to texts (paper, section 3.1), written to HDF5 block by block."""

from collections.abc import Sequence

import h5py
import numpy as np
import torch

from workflow_scripts.lib.activation_files import CHUNK, create_language, write_rows
from workflow_scripts.lib.batching import Batch, batches, encode, run_halving
from workflow_scripts.lib.models import LanguageModel
from workflow_scripts.lib.progress import Progress
from workflow_scripts.lib.responses import ResponseRecorder

# Responses gathered before they are written: large enough that batches of like lengths can be formed.
BLOCK_BYTES = 2**28


def record(
    cell: h5py.File,
    model: LanguageModel,
    texts: Sequence[str],
    poolings: Sequence[str],
    max_tokens: int,
    storage: str,
    tokens_per_batch: int,
    what: str,
) -> None:
    """Write the responses to texts and their token counts; memory does not grow with the number of texts.

    Args:
        cell: Gets a dataset [texts, neurons] for each pooling, and `tokens` [texts].
        model: Its manifest says which neurons it has.
        texts: Those of one language.
        poolings: How responses are pooled over tokens.
        max_tokens: Tokens after which a text is cut off.
        storage: Data type of the responses on disk.
        tokens_per_batch: Tokens with padding in one forward pass.
        what: Shown with the progress.

    Raises:
        StudyError: a text gives no token, or a response is NaN or too large for `storage`.
    """
    neurons = model.manifest.neurons
    token_ids = encode(model.tokenizer, texts, min(max_tokens, model.max_tokens or max_tokens))
    datasets = create_language(cell, poolings, len(texts), neurons, storage)
    cell.create_dataset("tokens", data=np.array([len(ids) for ids in token_ids], dtype=np.int32))
    rows = max(1, BLOCK_BYTES // (4 * neurons * len(poolings) * CHUNK[0])) * CHUNK[0]
    with (
        Progress(what, total=len(texts), unit="sentence") as progress,
        ResponseRecorder(model, model.manifest.sites, poolings) as recorder,
    ):
        for start in range(0, len(texts), rows):
            part = token_ids[start : start + rows]
            block = {name: np.empty((len(part), neurons), dtype=np.float32) for name in poolings}

            def forward(batch: Batch, block: dict[str, np.ndarray] = block) -> None:
                with torch.inference_mode():
                    for name, responses in recorder.forward(batch).items():
                        block[name][batch.rows] = responses.cpu().numpy()
                progress.advance(len(batch.rows), tokens=batch.tokens)

            for batch in batches(part, tokens_per_batch, model.pad_id):
                run_halving(forward, batch)
            with progress.paused():
                write_rows(datasets, start, block)

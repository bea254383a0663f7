"""Extraction: a model's responses to texts (paper, section 3.1), written to HDF5 batch by batch."""

import math
from collections.abc import Sequence

import h5py
import numpy as np
import torch

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.progress import Progress
from workflow_scripts.models.batching import Batch, batches, run_halving, tokens_at_once
from workflow_scripts.models.loading import LanguageModel
from workflow_scripts.neurons.activation_files import ResponseWriter
from workflow_scripts.neurons.responses import ResponseRecorder

BATCH_BYTES = 2**29  # responses to a batch, on the device; short sentences would make a batch of thousands


def record(
    cell: h5py.File,
    model: LanguageModel,
    texts: Sequence[str],
    poolings: Sequence[str],
    max_tokens: int,
    storage: str,
    tokens_per_batch: int,
    what: str,
    language: str | None = None,
) -> None:
    """Write the responses to texts and their token counts; memory does not grow with the number of texts.

    Args:
        cell: Gets a dataset [texts, neurons] for each pooling, and `row` and `tokens` [texts]: which text is in a row,
            and how many tokens it has. The longest come first.
        model: Its manifest says which neurons it has.
        texts: Those of one language.
        poolings: How responses are pooled over tokens.
        max_tokens: Tokens after which a text is cut off.
        storage: Data type of the responses on disk.
        tokens_per_batch: Tokens with padding in one forward pass, at most.
        what: Shown with the progress.
        language: Code of their language, by which tokenizers of translation models mark texts.

    Raises:
        StudyError: a text gives no token, or a response is NaN or too large for `storage`.
    """
    neurons = model.manifest.neurons
    token_ids = model.encode(texts, max_tokens, language)
    rows: list[int] = []
    with (
        Progress(what, total=len(texts), unit="sentence") as progress,
        ResponseRecorder(model, model.manifest.sites, poolings) as recorder,
        ResponseWriter(cell, poolings, len(texts), neurons, storage) as writer,
    ):

        def forward(batch: Batch) -> None:
            with torch.inference_mode():
                stored = {name: _stored(responses, storage) for name, responses in recorder.forward(batch).items()}
            rows.extend(batch.rows)
            progress.advance(len(batch.rows), tokens=batch.tokens)
            with progress.paused():
                writer.append(stored)

        passed_at_once = tokens_at_once(tokens_per_batch, model.device)
        sentences_at_once = max(1, BATCH_BYTES // (4 * neurons * len(poolings)))
        for batch in batches(token_ids, passed_at_once, model.pad_id, sentences_at_once):
            run_halving(forward, batch)
        with progress.paused():
            writer.finish()
    for name, values in {"row": rows, "tokens": [len(token_ids[row]) for row in rows]}.items():
        cell.create_dataset(name, data=np.array(values, dtype=np.int32), chunks=(len(rows),), fletcher32=True)


def _stored(responses: torch.Tensor, storage: str) -> np.ndarray:
    """Responses in the data type of the file, in host memory.

    Raises:
        StudyError: one is NaN, infinite, or too large for that type.
    """
    dtype = getattr(torch, storage)
    low, high = responses.aminmax()
    largest = float(torch.maximum(-low, high))
    if not math.isfinite(largest):
        raise StudyError(
            f"the model gives {'NaN' if math.isnan(largest) else 'infinite'} activations: its weights are damaged, or "
            "its dtype is too narrow (try float32 or bfloat16)."
        )
    if largest > torch.finfo(dtype).max:
        raise StudyError(f"activations reach {largest:g}, beyond {storage}; set experts.storage: float32.")
    stored = responses.to(dtype)
    # A GPU fills page-locked memory several times as fast.
    host = torch.empty_like(stored, device="cpu", pin_memory=responses.is_cuda)
    return host.copy_(stored).numpy()

"""Extraction: a model's responses to texts (paper, section 3.1), written to HDF5 batch by batch."""

import logging
import math
from collections.abc import Sequence
from contextlib import ExitStack

import h5py
import numpy as np
import torch

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.progress import Progress
from workflow_scripts.models.batching import Batch, batches, distinct_ones, run_halving, tokens_at_once
from workflow_scripts.models.loading import LanguageModel
from workflow_scripts.neurons.activation_files import ResponseWriter, exact_name
from workflow_scripts.neurons.responses import ResponseRecorder

log = logging.getLogger(__name__)
DECIDING = 64  # texts whose responses tell which units float16 would coarsen
STEP = 1 / 40  # standard deviations between two numbers of float16, at most, for responses that are left to it
NOISE = 1e-4  # of the largest response, which a spread must exceed to be more than rounding by the model
COLUMNS = 2**14
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

    Texts of the same tokens go through the model once: in two batches their responses would differ in the last bits,
    and not tie.

    Args:
        cell: Gets a dataset [texts, neurons] for each pooling, and `row` and `tokens` [texts]: which text is in a row,
            and how many tokens it has. The longest come first. With the storage float16 also the responses in float32
            of units that float16 would coarsen (`activation_files`), as the first `DECIDING` texts tell.
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
    distinct, copies = distinct_ones(token_ids)
    rows_of: list[list[int]] = [[] for _ in distinct]  # the texts that each of these is of
    for row, place in enumerate(copies):
        rows_of[place].append(row)
    rows: list[int] = []
    deciding = min(DECIDING, len(texts)) if storage == "float16" else 0
    first: list[dict[str, torch.Tensor]] = []  # responses, until it is known which units are kept exactly
    exact: dict[str, np.ndarray] = {}
    writer: ResponseWriter | None = None
    with (
        Progress(what, total=len(texts), unit="sentence") as progress,
        ResponseRecorder(model, model.manifest.sites, poolings) as recorder,
        ExitStack() as stack,
    ):

        def forward(batch: Batch) -> None:
            with torch.inference_mode():
                of_distinct = recorder.forward(batch)
            progress.advance(sum(len(rows_of[place]) for place in batch.rows), tokens=batch.tokens)
            times = [(place, row) for place, of in enumerate(batch.rows) for row in rows_of[of]]
            # No more at once than went through the model, however many copies there are.
            for start in range(0, len(times), len(batch.rows)):
                some = times[start : start + len(batch.rows)]
                chosen = [place for place, _ in some]
                alone = len(times) == len(batch.rows)
                responses = of_distinct if alone else {name: each[chosen] for name, each in of_distinct.items()}
                keep(responses, [row for _, row in some])

        def keep(responses: dict[str, torch.Tensor], of: list[int]) -> None:
            nonlocal writer
            with torch.inference_mode():
                taken = _taken(responses, exact, storage) if writer else {}
            rows.extend(of)
            with progress.paused():
                if writer is not None:
                    writer.append(taken)
                    return
                first.append({name: each.cpu() for name, each in responses.items()})
                if len(rows) < deciding:
                    return
                for name in poolings if deciding else []:
                    units = coarsened_units(torch.cat([responses[name] for responses in first]))
                    if len(units):
                        exact[name] = units
                        log.info("%s: %d of %d neurons are kept in float32, too", name, len(units), neurons)
                writer = stack.enter_context(ResponseWriter(cell, poolings, len(texts), neurons, storage, exact))
                for responses in first:
                    writer.append(_taken(responses, exact, storage))
                first.clear()

        passed_at_once = tokens_at_once(tokens_per_batch, model.device)
        sentences_at_once = max(1, BATCH_BYTES // (4 * neurons * len(poolings)))
        for batch in batches(distinct, passed_at_once, model.pad_id, sentences_at_once):
            run_halving(forward, batch)
        with progress.paused():
            writer.finish()
    for name, values in {"row": rows, "tokens": [len(token_ids[row]) for row in rows]}.items():
        cell.create_dataset(name, data=np.array(values, dtype=np.int32), chunks=(len(rows),), fletcher32=True)


def coarsened_units(responses: torch.Tensor) -> np.ndarray:
    """Return the units whose responses float16 would round to steps large beside their spread: int64, ascending.

    The numbers of float16 lie 0.125 apart at 200: responses around 206 with a standard deviation of 0.75 become few.
    What float16 can say as it is, as most of bfloat16, it does not coarsen; and responses that differ by hardly more
    than how the model rounds, as those of a unit that is largest at the BOS token, are better left equal.

    Args:
        responses: float32 [sentences, neurons].
    """
    found = []
    for block in responses.split(COLUMNS, dim=1):  # so that what is computed of them takes little memory
        stored, largest = block.half(), block.abs().amax(dim=0).numpy()
        rounded = (stored.float() != block).any(dim=0).numpy()
        spread = block.std(dim=0, correction=0).numpy()
        with np.errstate(over="ignore", invalid="ignore"):  # what float16 cannot hold is refused as it is written
            apart = np.spacing(largest.astype(np.float16)).astype(np.float32)
        found.append(rounded & (STEP * spread < apart) & (spread > NOISE * largest))
    return np.flatnonzero(np.concatenate(found))


def _taken(responses: dict[str, torch.Tensor], exact: dict[str, np.ndarray], storage: str) -> dict[str, np.ndarray]:
    """What is written of responses, by the names of datasets, in host memory.

    Raises:
        StudyError: as `_stored`.
    """
    taken = {name: _stored(each, storage) for name, each in responses.items()}
    for name, units in exact.items():
        taken[exact_name(name)] = responses[name][:, units].cpu().numpy()
    return taken


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

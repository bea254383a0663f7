"""Extraction: responses of all neurons to sentences, recorded to disk (paper, section 3.1).

Every piece of work takes texts and leaves responses on disk, tokenisation and writing included.
"""

import pickle
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

import h5py
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from transformers import DataCollatorWithPadding

from benchmarks.models import DTYPES, LONGEST, flores_like_lengths, flores_like_texts, load
from benchmarks.study import Architecture
from workflow_scripts.models.batching import batches, encode, tokens_at_once
from workflow_scripts.neurons.extraction import record

MODEL = "smollm2-fifth"
TOKENS_PER_BATCH = 8192  # the study's


@pytest.fixture
def model(architecture_directory):
    """A model with random weights, float32 on the CPU."""
    return load(architecture_directory(MODEL))


def ours(model, texts: Sequence[str], folder: Path, poolings: Sequence[str] = ("max",), storage: str = "float16"):
    """As the stage does it; returns where the responses lie."""
    path = folder / "responses.h5"
    with h5py.File(path, "w") as cell:
        record(cell, model, texts, poolings, LONGEST, storage, TOKENS_PER_BATCH, "recording")
    return path


def read_ours(path: Path, pooling: str = "max") -> np.ndarray:
    """Responses [sentences, neurons] in the order of the texts."""
    with h5py.File(path) as cell:
        return cell[pooling][:].astype(np.float32)[np.argsort(cell["row"][:])]


def bare_passes(model, texts: Sequence[str]) -> None:
    """The same batches through the backbone, of which nothing is kept."""
    token_ids = encode(model.tokenizer, texts, LONGEST)
    for batch in batches(token_ids, tokens_at_once(TOKENS_PER_BATCH, model.device), model.pad_id):
        model.forward(batch)


def one_by_one(model, texts: Sequence[str], pooling: str) -> np.ndarray:
    """What is to be recorded, [sentences, neurons], from each module's whole output for one sentence at a time."""
    kept: dict[str, np.ndarray] = {}
    modules = dict(model.backbone.named_modules())
    names = [site.module for site in model.manifest.sites]
    handles = [
        modules[name].register_forward_hook(
            lambda module, inputs, output, name=name: kept.update({name: output[0].numpy()})
        )
        for name in names
    ]
    rows = []
    for text in texts:
        with torch.inference_mode():
            model.backbone(**model.tokenizer(text, return_tensors="pt", return_token_type_ids=False))
        rows.append(np.concatenate([getattr(np, pooling)(kept[name], axis=0) for name in names]))
    for handle in handles:
        handle.remove()
    return np.array(rows)


@pytest.mark.parametrize("poolings", [["max"], ["max", "mean"]], ids="-".join)
def test_recording_beside_bare_passes(side_by_side, model, tmp_path, poolings):
    texts = flores_like_texts(128)

    def same(path, _):
        for pooling in poolings:
            expected = one_by_one(model, texts[:16], pooling)
            np.testing.assert_allclose(read_ours(path, pooling)[:16], expected, rtol=1e-3, atol=1e-4)  # of float16

    side_by_side.time(
        f"Recording responses pooled by {' and '.join(poolings)}",
        "the same batches through the bare model, nothing recorded",
        lambda: ours(model, texts, tmp_path, poolings),
        lambda: bare_passes(model, texts),
        same,
        target=0.9,
        amounts=(len(texts), len(texts)),
        unit="sentence",
    )


def test_recording_beside_a_sentence_at_a_time(side_by_side, model, tmp_path):
    texts = flores_like_texts(128)
    names = [site.module for site in model.manifest.sites]

    def same(path, folder):
        theirs = []
        for number in range(len(texts)):
            with (folder / f"{number:05d}.pkl").open("rb") as file:
                batch = pickle.load(file)  # of this benchmark's own making
            theirs.append(np.concatenate([batch[f"model.{name}:0"][0] for name in names]))
        np.testing.assert_allclose(read_ours(path), theirs, rtol=1e-4, atol=1e-5)

    side_by_side.time(
        "Recording responses pooled by max",
        "lang_neuron (Kojima et al. 2024), a sentence at a time",
        lambda: ours(model, texts, tmp_path, storage="float32"),
        lambda: record_as_lang_neuron(model, texts, tmp_path / "pickles"),
        same,
        target=3,
        rounds=3,
        amounts=(len(texts), len(texts)),
        unit="sentence",
    )


def record_as_lang_neuron(model, texts: Sequence[str], folder: Path) -> Path:
    """The loop of github.com/kojima-takeshi188/lang_neuron: `selfcond/responses.py`, `selfcond/models.py`.

    Sentences are padded to 256 tokens, and cut back one by one since the batch size has to be 1; the whole model is
    run, LM head included; every module has a hook; whole outputs of the chosen ones go to NumPy, and their maxima to a
    pickle a sentence. It records all linear layers; here it need not keep those that we do not record.
    """
    folder.mkdir(exist_ok=True)
    longest, pad = 256, model.tokenizer.pad_token_id
    chosen = {f"model.{site.module}:0" for site in model.manifest.sites}
    data = []
    for text in texts:
        token_ids = model.tokenizer.encode(text)
        padding = longest - len(token_ids)
        mask = [1] * len(token_ids) + [0] * padding
        data.append({"labels": 1, "input_ids": token_ids + [pad] * padding, "attention_mask": mask})

    def collate(sentences: list[dict]) -> dict[str, torch.Tensor]:
        return {key: torch.tensor([sentence[key] for sentence in sentences]) for key in sentences[0]}

    def keep(responses: dict[str, np.ndarray], name: str, module, inputs, output) -> None:
        for place, tensor in enumerate(output if isinstance(output, (list, tuple)) else [output]):
            if f"{name}:{place}" in chosen:
                responses[f"{name}:{place}"] = tensor.detach().cpu().numpy()

    for number, batch in enumerate(DataLoader(data, batch_size=1, shuffle=False, collate_fn=collate)):
        tokens = int(batch["attention_mask"][0].sum())
        responses: dict[str, np.ndarray] = {}
        hooks = [
            module.register_forward_hook(partial(keep, responses, name))
            for name, module in model.model.named_modules()
            if name and not isinstance(module, (torch.nn.Sequential, torch.nn.ModuleList))
        ]
        with torch.no_grad():
            model.model(
                input_ids=batch["input_ids"][:, :tokens],
                attention_mask=batch["attention_mask"][:, :tokens],
            )
        for hook in hooks:
            hook.remove()
        responses = {name: tokens.max(axis=1) for name, tokens in responses.items()}
        responses["labels"] = batch["labels"].numpy()
        with (folder / f"{number:05d}.pkl").open("wb") as file:
            pickle.dump(responses, file)
    return folder


def test_recording_beside_shuffled_batches(side_by_side, model, tmp_path):
    texts = flores_like_texts(128)
    # 2 is the script's default and 128 its config's; the fastest here is the peer.
    sizes = {
        size: _seconds(lambda size=size: record_as_aura(model, texts, tmp_path / "files", size))
        for size in (2, 32, 128)
    }
    size = min(sizes, key=sizes.get)

    def same(path, folder):
        theirs = [
            np.concatenate(
                [
                    torch.load(folder / f"model.{site.module}" / "max" / f"{number}.pt")["responses"]
                    for site in model.manifest.sites
                ]
            )
            for number in range(len(texts))
        ]
        np.testing.assert_allclose(read_ours(path), theirs, rtol=1e-4, atol=1e-5)

    side_by_side.time(
        "Recording responses pooled by max",
        f"AurA (Suau et al. 2024), shuffled batches of {size}",
        lambda: ours(model, texts, tmp_path, storage="float32"),
        lambda: record_as_aura(model, texts, tmp_path / "files", size),
        same,
        target=3,
        rounds=3,
        amounts=(len(texts), len(texts)),
        unit="sentence",
        note="; ".join(f"batches of {size}: {seconds / len(texts):.3g} s/sentence" for size, seconds in sizes.items()),
    )


def record_as_aura(model, texts: Sequence[str], folder: Path, batch_size: int) -> Path:
    """The loop of github.com/apple/ml-aura: `scripts/compute_responses.py`, `src/hooks/postprocess_and_save_hook.py`.

    Shuffled batches of a fixed number of sentences, padded on the left; the whole model is run, LM head included; a
    hook a module pools a masked copy of its output and writes a file per sentence. Sentences are loaded in the same
    process, which is faster here than in others.
    """
    tokenizer = model.tokenizer
    side, tokenizer.padding_side = tokenizer.padding_side, "left"
    pad = DataCollatorWithPadding(tokenizer, pad_to_multiple_of=2)

    class Sentences(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(texts)

        def __getitem__(self, number: int) -> dict:
            return {"id": number, **tokenizer(texts[number], truncation=True, max_length=LONGEST)}

    def collate(sentences: list[dict]) -> dict:
        tensors = [{key: sentence[key] for key in ("input_ids", "attention_mask")} for sentence in sentences]
        return {"id": [sentence["id"] for sentence in sentences], **pad(tensors)}

    def save(name: str, module, inputs, output) -> None:
        mask = batch["attention_mask"].bool()
        tokens = output.detach().clone()
        tokens[~mask] = torch.nan
        pooled = tokens.nan_to_num(torch.finfo(tokens.dtype).min).max(dim=1).values
        for number, responses in zip(batch["id"], pooled, strict=True):
            path = folder / name / "max" / f"{number}.pt"
            path.parent.mkdir(parents=True, exist_ok=True)
            # A copy, as from a GPU: else the file would hold the whole batch.
            torch.save({"id": number, "responses": responses.clone()}, path)

    modules = dict(model.model.named_modules())
    names = [f"model.{site.module}" for site in model.manifest.sites]
    hooks = [modules[name].register_forward_hook(partial(save, name)) for name in names]
    try:
        for number, batch in enumerate(DataLoader(Sentences(), batch_size, shuffle=True, collate_fn=collate)):
            with torch.inference_mode():
                model.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
            torch.save({"current_batch": number + 1}, folder / "checkpoint.pt")
    finally:
        tokenizer.padding_side = side
        for hook in hooks:
            hook.remove()
    return folder


def test_time_against_sentences(growth, model, tmp_path):
    growth.of_time(
        "Time of recording responses",
        "sentences",
        lambda count: partial(ours, model, flores_like_texts(count), tmp_path),
        [32, 128, 384],
        rounds=1,
    )


def test_memory_against_sentences(growth, architecture_directory):
    directory = architecture_directory(MODEL)
    growth.of_memory("Peak memory of recording responses", "sentences", prepare, [64, 256, 1024], directory)


def prepare(count: int, directory: Path) -> Callable[[], object]:
    """A process's own model, which has run once, and the recording of so many sentences."""
    model, texts = load(directory), flores_like_texts(count)

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            ours(model, texts, Path(folder))

    return work


@pytest.mark.parametrize("dtype", DTYPES)
def test_rate(side_by_side, architecture_directory, tmp_path, dtype):
    model, count = load(architecture_directory("smollm2-135m"), dtype), 64
    lengths = flores_like_lengths(count)
    side_by_side.rate(
        f"Recording responses pooled by max in {dtype}, SmolLM2-135M",
        lambda: ours(model, flores_like_texts(count), tmp_path),
        float(lengths.sum()),
        "token",
        flop=least_flop(model, lengths),
        moved=2.0 * count * model.manifest.neurons,  # float16, written
        rounds=2,
        dtype=dtype,
    )


def least_flop(model, lengths: np.ndarray) -> float:
    """Operations that passes of sentences of these lengths through the backbone need at least."""
    embeddings = model.backbone.get_input_embeddings().weight.numel()
    body = sum(parameter.numel() for parameter in model.backbone.parameters()) - embeddings
    layers = model.model.config.num_hidden_layers
    sizes = Architecture(layers=layers, width=model.manifest.width, body=body, vocabulary=0, context=LONGEST)
    return sizes.flop(lengths.sum(), (lengths**2).sum() / lengths.sum())


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started

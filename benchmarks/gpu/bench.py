"""What the measurements on a card work on: a model made there, how much of everything, and how time is taken."""

import functools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from benchmarks import records
from benchmarks.models import flores_like_lengths, flores_like_texts, random_model, word_tokenizer
from workflow_scripts.embeddings.sentences import embed
from workflow_scripts.models.adoption import adopt
from workflow_scripts.models.batching import Batch
from workflow_scripts.models.loading import LanguageModel

Record = dict[str, Any]
MAX_TOKENS = 128  # of a sentence, as in the study
TOKENS_PER_BATCH = 32768  # compute.tokens_per_batch of studies/paper.yaml
# Dense bfloat16 FLOP/s by the vendors' data sheets (the H100's is that of the SXM card).
DATA_SHEETS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12}


@dataclass(frozen=True)
class Sizes:
    """How much is measured on."""

    sentences: int  # embedded
    recorded: int  # whose responses are recorded
    tokens_per_batch: tuple[int, ...]  # tried
    ks: tuple[int, ...]  # of the sweep
    k: int  # units that are forced while embedding
    generated: int  # sentences a value of k
    written: int  # tokens of a generated sentence, the prompt included
    windows: int  # of perplexity
    context: int
    stride: int
    ranked: tuple[int, int, int]  # languages, sentences of each, neurons
    product: int  # rows and columns of matrices
    copied: int  # bytes
    rounds: int


FULL = Sizes(
    sentences=2048,
    recorded=1024,
    tokens_per_batch=(8192, 16384, 32768, 65536),
    ks=(0, 100, 200, 500, 1000, 2000, 5000),
    k=2000,
    generated=256,
    written=20,
    windows=48,
    context=2048,
    stride=512,
    ranked=(6, 997, 16384),
    product=8192,
    copied=2**30,
    rounds=2,
)
SMALL = Sizes(
    sentences=48,
    recorded=80,
    tokens_per_batch=(256, 512),
    ks=(0, 5, 20),
    k=20,
    generated=24,
    written=8,
    windows=3,
    context=32,
    stride=8,
    ranked=(3, 40, 70),
    product=64,
    copied=2**16,
    rounds=2,
)


@dataclass
class Bench:
    """What the measurements work on, and what later ones need of earlier ones."""

    model: LanguageModel
    sizes: Sizes
    title: str
    tokens_per_batch: int = TOKENS_PER_BATCH  # the best of those tried
    flop_per_second: dict[str, float] = field(default_factory=dict)  # by stage

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    @functools.cached_property
    def texts(self) -> list[str]:
        """Sentences to embed."""
        return flores_like_texts(self.sizes.sentences)

    @property
    def tokens(self) -> int:
        """Tokens of `texts`."""
        return int(flores_like_lengths(self.sizes.sentences).sum())

    def flop(self, lengths: Sequence[int] | np.ndarray, head: float = 0) -> float:
        """Operations that sequences of these lengths need at least, the LM head being applied to `head` tokens.

        Two a weight and token, and causal attention, in which a token meets half of the others on average.
        """
        backbone, lengths = self.model.backbone, np.asarray(lengths, dtype=float)
        embeddings = [module for module in backbone.modules() if isinstance(module, torch.nn.Embedding)]
        body = _parameters(backbone) - sum(_parameters(module) for module in embeddings)
        width, layers = self.model.manifest.width, self.model.model.config.num_hidden_layers
        attention = 4 * layers * width * (lengths**2).sum() / 2
        return float(2 * body * lengths.sum() + attention + 2 * head * width * self.model.vocabulary)

    def rate(self, what: str, seconds: float, tokens: float, flop: float) -> Record:
        """As `records.rate`, with the share of the card's peak by its data sheet where that is known."""
        found, peak = records.rate(what, seconds, tokens, "token", flop), data_sheet_flop(self.device)
        return {**found, "share_of_data_sheet": flop / seconds / peak} if peak else found

    def seconds(self, *works: Callable[[], object], done_before: bool = False) -> list[list[float]]:
        """Times of each piece of work, round by round and one after the other, all having been done once before."""
        for work in works if not done_before else ():
            work()
        found: list[list[float]] = [[] for _ in works]
        for _ in range(self.sizes.rounds):
            for times, work in zip(found, works, strict=True):
                synchronize(self.device)
                started = time.perf_counter()
                work()
                synchronize(self.device)
                times.append(time.perf_counter() - started)
        return found

    def embed(self, tokens_per_batch: int | None = None) -> np.ndarray:
        """Embeddings of `texts` as the stage computes them."""
        wanted = tokens_per_batch or self.tokens_per_batch
        return embed(self.model, self.texts, max_tokens=MAX_TOKENS, tokens_per_batch=wanted)


def make_bench(architecture: str, sizes: Sizes, device: str) -> Bench:
    """A model with random bfloat16 weights, made on the device, as the stages have it."""
    with torch.device(device):
        model = random_model(architecture, dtype=torch.bfloat16)
    return Bench(adopt(model.eval().requires_grad_(False), word_tokenizer(), sites="mlp"), sizes, architecture)


def data_sheet_flop(device: torch.device) -> float | None:
    """Dense bfloat16 FLOP/s of the card by its data sheet; None if it is not known."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((flop for card, flop in DATA_SHEETS.items() if card in name), None)


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def windows_of(bench: Bench) -> Batch:
    """A batch of windows of a text, of as many tokens as a batch may have."""
    rows = max(1, bench.tokens_per_batch // bench.sizes.context)
    generator = torch.Generator().manual_seed(0)
    token_ids = torch.randint(bench.model.vocabulary, (rows, bench.sizes.context), generator=generator)
    return Batch(list(range(rows)), token_ids, torch.full((rows,), bench.sizes.context), padded=False)


def _parameters(module: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def forget_peak(device: torch.device) -> None:
    """Let the peak of the memory in use begin anew."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_gibibytes(device: torch.device) -> float:
    """The most memory of the card that was in use; NaN on the CPU."""
    return torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else math.nan

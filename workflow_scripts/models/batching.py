"""Sentences to padded batches: bucketed by length, bounded by tokens, padded on the right.

Padding on the right keeps the positions of real tokens whatever the batch: learned absolute positions (GPT-2) and ALiBi
distances (BLOOM) count from the first token, and causal attention never looks at the padding.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from workflow_scripts.jobs.errors import StudyError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """Sentences that go through the model together."""

    rows: list[int]  # where the sentences stand in the input
    token_ids: torch.Tensor  # [sentences, tokens], padded on the right
    lengths: torch.Tensor  # [sentences], real tokens
    padded: bool
    shortest: int = 1  # tokens that every sentence has at least

    @cached_property
    def mask(self) -> torch.Tensor:
        """Return which tokens are real: bool [sentences, tokens]."""
        positions = torch.arange(self.token_ids.shape[1], device=self.token_ids.device)
        return positions < self.lengths[:, None]

    @cached_property
    def padding(self) -> torch.Tensor:
        """Return which tokens are none: bool [sentences, tokens]."""
        return ~self.mask

    @property
    def tokens(self) -> int:
        """Return the number of real tokens."""
        return int(self.lengths.sum())

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        return Batch(self.rows, self.token_ids.to(device), self.lengths.to(device), self.padded, self.shortest)

    def halves(self) -> tuple["Batch", "Batch"]:
        """Return the batch as two of half the size."""
        middle = len(self.rows) // 2
        return self._slice(slice(None, middle)), self._slice(slice(middle, None))

    def _slice(self, part: slice) -> "Batch":
        lengths = self.lengths[part]
        shortest, longest = int(lengths.min()), int(lengths.max())
        return Batch(self.rows[part], self.token_ids[part, :longest], lengths, shortest < longest, shortest)


_passing: ContextVar[Batch | None] = ContextVar("batch", default=None)


@contextmanager
def passing(batch: Batch) -> Iterator[None]:
    """Let what hooks into a model know, inside the block, that it is this batch which goes through."""
    before = _passing.set(batch)
    try:
        yield
    finally:
        _passing.reset(before)


def passing_batch() -> Batch | None:
    """Return the batch that is going through a model; None where the model was called without one."""
    return _passing.get()


def encode(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Return the token ids of each text, with the tokenizer's special tokens, cut off after `max_tokens`.

    Raises:
        StudyError: a text gives no token at all.
    """
    encoded = tokenizer(list(texts), truncation=True, max_length=max_tokens, return_attention_mask=False)["input_ids"]
    for text, token_ids in zip(texts, encoded, strict=True):
        if not token_ids:
            raise StudyError(f"the tokenizer makes no token of {text!r}; remove that sentence from the data set.")
    return encoded


def texts_begin_with(tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """Return the special tokens that a tokenizer puts before a text: none, one like BOS, or more."""
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    starts = (start for start in range(len(whole)) if whole[start : start + len(plain)] == plain)
    return whole[: next(starts, 0)]


def distinct_ones(token_ids: Sequence[list[int]]) -> tuple[list[list[int]], list[int]]:
    """Return the distinct ones of token ids in the order in which they come, and which of these each is."""
    places: dict[tuple[int, ...], int] = {}
    copies = [places.setdefault(tuple(ids), len(places)) for ids in token_ids]
    return [list(ids) for ids in places], copies


def batches(
    token_ids: Sequence[list[int]], tokens_per_batch: int, pad_id: int, sentences_per_batch: int | None = None
) -> Iterator[Batch]:
    """Return the batches of similar length that hold at most `tokens_per_batch` tokens with padding, the longest first.

    The longest come first so that a batch too large for the device is met at once. A sentence longer than the budget is
    a batch of its own.
    """
    rows = sorted(range(len(token_ids)), key=lambda row: (-len(token_ids[row]), row))
    start = 0
    while start < len(rows):
        longest = len(token_ids[rows[start]])
        count = max(1, min(tokens_per_batch // longest, sentences_per_batch or len(rows)))
        chosen = rows[start : start + count]
        sentences = [torch.tensor(token_ids[row]) for row in chosen]
        padded = torch.nn.utils.rnn.pad_sequence(sentences, batch_first=True, padding_value=pad_id)
        lengths = torch.tensor([len(sentence) for sentence in sentences])
        shortest = len(sentences[-1])
        yield Batch(chosen, padded, lengths, shortest < longest, shortest)
        start += len(chosen)


def tokens_at_once(asked: int, device: torch.device) -> int:
    """Return the tokens with padding for a forward pass on a device, where `asked` may be passed at most.

    A CPU is hardly faster with more than a thousand tokens a thread, and the fewer the sentences of a batch, the more
    alike their lengths: less of the work is done for padding.
    """
    return min(asked, 1024 * torch.get_num_threads()) if device.type == "cpu" else asked


def run_halving(forward: Callable[[Batch], None], batch: Batch) -> None:
    """Run `forward` on a batch; when the device is out of memory, on its halves.

    Raises:
        StudyError: a single sentence does not fit.
    """
    try:
        forward(batch)
        return
    except torch.OutOfMemoryError as error:
        if len(batch.rows) == 1:
            raise StudyError(
                f"one sentence of {batch.tokens} tokens does not fit on the device ({error}); "
                "take a smaller dtype, a larger device or device_map: auto."
            ) from error
    log.warning("out of memory with %d sentences of %d tokens: halving", *batch.token_ids.shape)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    for half in batch.halves():
        run_halving(forward, half)

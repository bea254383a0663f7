"""Perplexity in strided windows (paper, appendix B), with no tensor of logits for a whole window.

A window holds `context` tokens and starts `stride` tokens after the one before; of each window only the tokens that no
earlier window has reached are scored, so every token is scored once, given at least context − stride tokens before it.

Windows are read in random order, in rounds. Those read so far are a random sample of the text's windows, whose scored
tokens are disjoint; so they estimate the whole text's perplexity, with a standard error that is right however alike
neighbouring windows are. Reading ends when that error is small enough, or with the text.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.progress import Progress
from workflow_scripts.models.batching import Batch, run_halving, tokens_at_once
from workflow_scripts.models.loading import LanguageModel

LOGIT_BYTES = 2**26  # size of the logits that are held at a time, as float32,
LOGIT_ROWS = 192  # or this many rows of logits if they are larger, since fewer rows are slow to multiply
SLICE_BYTES = 2**24  # of float32 logits whose cross-entropy is taken at a time, which needs room for a copy of them
# Windows of the first round, and the share of what was read that a later one reads at least. With fewer windows, or
# more frequent looks at the error, reading would too often end because the error happened to be underestimated.
FIRST_ROUND = 128
LATER_ROUNDS = 0.25


@dataclass(frozen=True)
class Window:
    """Tokens `start` to `end` (excluded) of a text; the last `scored` tokens are scored."""

    start: int
    end: int
    scored: int


@dataclass(frozen=True)
class Perplexity:
    """What was measured in the windows of a text, or in some that were drawn at random."""

    negative_log_likelihood: np.ndarray  # [windows], summed over the scored tokens, nats
    scored: np.ndarray  # [windows], number of scored tokens
    text_windows: int  # number of windows of the whole text

    @property
    def log_perplexity(self) -> float:
        """Return the mean negative log likelihood per token, in nats."""
        return float(self.negative_log_likelihood.sum() / self.scored.sum())

    @property
    def log_perplexity_error(self) -> float:
        """Return the standard error of the mean over windows (of a ratio of sums); NaN for a single window.

        It says how well the mean is known of text like this, of which the whole text is itself a sample.
        """
        windows = len(self.scored)
        if windows < 2:
            return math.nan
        residuals = self.negative_log_likelihood - self.log_perplexity * self.scored
        return float(np.sqrt(windows / (windows - 1) * (residuals**2).sum()) / self.scored.sum())

    @property
    def sampling_error(self) -> float:
        """Return the standard error as an estimate of the whole text's log perplexity: 0 if every window was read."""
        unread = 1 - len(self.scored) / self.text_windows
        return math.sqrt(unread) * self.log_perplexity_error if unread else 0.0

    def less(self, other: "Perplexity") -> "Perplexity":
        """Return the difference from what another condition gives in the same windows."""
        losses = self.negative_log_likelihood - other.negative_log_likelihood
        return Perplexity(losses, self.scored, self.text_windows)

    def joined(self, other: "Perplexity") -> "Perplexity":
        """Return what was measured in these windows and in other ones of the same text."""
        losses = np.concatenate([self.negative_log_likelihood, other.negative_log_likelihood])
        return Perplexity(losses, np.concatenate([self.scored, other.scored]), self.text_windows)


def windows(tokens: int, context: int, stride: int) -> list[Window]:
    """Return the windows of a text of so many tokens; its first token, which nothing comes before, is not scored.

    Raises:
        StudyError: the text is shorter than two tokens, or the stride leaves tokens without context.
    """
    if tokens < 2:
        raise StudyError(f"a text of {tokens} tokens has no perplexity; give more text.")
    if not 0 < stride < context:
        raise StudyError(f"perplexity.stride: {stride} must be below the window's {context} tokens.")
    found = [Window(0, min(context, tokens), min(context, tokens) - 1)]
    while found[-1].end < tokens:
        start = found[-1].start + stride
        end = min(start + context, tokens)
        found.append(Window(start, end, end - found[-1].end))
    return found


def rounds(found: Sequence[Window], seed: int) -> Iterator[list[Window]]:
    """Yield the windows of a text in a seeded random order, in as many parts as there may be looks at the error."""
    order = np.random.default_rng([seed, 1]).permutation(len(found))  # [seed, 1]: not the stream of the paragraphs
    read = 0
    while read < len(order):
        wanted = max(FIRST_ROUND, math.ceil(LATER_ROUNDS * read))
        yield [found[place] for place in order[read : read + wanted]]
        read += wanted


def read_until(
    standard_error: float | None, count: int, read: Callable[[int], Perplexity], base: Callable[[int], Perplexity]
) -> tuple[Perplexity, Perplexity]:
    """Return a perplexity and its difference from the unintervened model's, read in rounds until both are precise.

    Args:
        standard_error: What both sampling errors are to be at most, in nats; None to read every round.
        count: Number of rounds of the text.
        read: Gives what was measured in a round.
        base: Gives what was measured in a round under the unintervened model.
    """
    found = of_base = None
    for number in range(count):
        here, of_base_here = read(number), base(number)
        found = here if found is None else found.joined(here)
        of_base = of_base_here if of_base is None else of_base.joined(of_base_here)
        difference = found.less(of_base)
        errors = (found.sampling_error, difference.sampling_error)
        if standard_error is not None and all(error <= standard_error for error in errors):
            break
    return found, difference


def measure_perplexity(
    model: LanguageModel, token_ids: Sequence[int], chosen: Sequence[Window], tokens_per_batch: int, what: str
) -> np.ndarray:
    """Return the negative log likelihoods [windows] of the scored tokens of some windows, summed in each, in nats.

    Args:
        model: Interventions in force apply.
        token_ids: The text, with its special tokens.
        chosen: Windows of it.
        tokens_per_batch: Tokens in one forward pass; on a CPU as `tokens_at_once` says.
        what: Shown with the progress.

    Raises:
        StudyError: the model gives NaN.
    """
    text = torch.as_tensor(token_ids, dtype=torch.long)
    sums = np.zeros(len(chosen))
    longest = max(window.end - window.start for window in chosen)
    rows_per_batch = max(1, tokens_at_once(tokens_per_batch, model.device) // longest)
    with Progress(what, total=len(chosen), unit="window") as progress:

        def forward(batch: Batch) -> None:
            last = torch.tensor([chosen[row].scored for row in batch.rows])
            losses = token_losses(model, batch, batch.lengths - last)
            sums[batch.rows] = [loss.sum(dtype=torch.float64).item() for loss in losses]
            progress.advance(len(batch.rows), tokens=batch.tokens)

        for start in range(0, len(chosen), rows_per_batch):
            rows = list(range(start, min(start + rows_per_batch, len(chosen))))
            run_halving(forward, _batch(text, [chosen[row] for row in rows], rows))
    if not np.isfinite(sums).all():
        raise StudyError(f"{model.manifest.name} gives NaN or infinite log likelihoods; try another dtype.")
    return sums


def token_losses(model: LanguageModel, batch: Batch, first: torch.Tensor) -> list[torch.Tensor]:
    """Return negative log likelihoods, float32 on the CPU, of each row's tokens from `first[row]` (at least 1) on.

    The LM head is applied to as many positions at a time as `LOGIT_BYTES` and `LOGIT_ROWS` allow.
    """
    hidden = model.forward(batch)
    lengths, first = batch.lengths.to(hidden.device), first.to(hidden.device)
    positions = torch.arange(hidden.shape[1], device=hidden.device)
    scored = (positions >= first[:, None]) & (positions < lengths[:, None])
    with torch.inference_mode():
        labels = batch.token_ids.to(hidden.device)[scored]
        before = hidden[:, :-1][scored[:, 1:]]  # a token is predicted from the position before it
        at_a_time = max(LOGIT_ROWS, LOGIT_BYTES // (4 * model.vocabulary))
        # Made before the logits: small tensors made among them that stay would leave the memory in pieces.
        losses = torch.empty(len(labels), device=hidden.device)
        for start in range(0, len(labels), at_a_time):
            here = slice(start, start + at_a_time)
            losses[here] = _cross_entropies(model, before[here], labels[here])
        return list(losses.cpu().split(scored.sum(dim=1).tolist()))


def _cross_entropies(model: LanguageModel, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the cross entropies of the tokens `targets` [rows] after hidden states [rows, d], in float32."""
    losses = torch.empty(len(targets), device=targets.device)
    logits = model.logits(states)
    targets = targets.to(logits.device)  # of a spread model, another device
    rows = max(1, SLICE_BYTES // (4 * logits.shape[1]))
    for start in range(0, len(logits), rows):
        here = slice(start, start + rows)
        losses[here] = torch.nn.functional.cross_entropy(logits[here].float(), targets[here], reduction="none")
    return losses


def _batch(text: torch.Tensor, chosen: list[Window], rows: list[int]) -> Batch:
    lengths = torch.tensor([window.end - window.start for window in chosen])
    longest = int(lengths.max())
    # What fills the last window's row is masked, so any token serves.
    token_ids = text[0].repeat(len(chosen), longest)
    for row, window in enumerate(chosen):
        token_ids[row, : window.end - window.start] = text[window.start : window.end]
    return Batch(rows, token_ids, lengths, padded=bool((lengths < longest).any()))

"""Free generation under several conditions at once (paper, appendix B): sentences sampled from the BOS token alone,
or, beyond the paper, from the first words of real sentences.

All conditions share batches: each row of a batch is under its own condition. What is sampled depends on the seed, the
number of the sentence and the condition, up to rounding, whatever the batch: each sentence has random numbers of its
own. They are the same under every condition, so that conditions differ by what they do, not by luck.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from workflow_scripts.interventions.conditions import Condition
from workflow_scripts.interventions.hooks import steer_by_row
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.progress import Progress
from workflow_scripts.models.batching import Batch, batches, run_halving, tokens_at_once
from workflow_scripts.models.loading import LanguageModel
from workflow_scripts.sweeps.perplexity import token_losses

if TYPE_CHECKING:
    from transformers import Cache
    from transformers.utils import ModelOutput

FEW_TOKENS = 1024  # looked at first where top-k sets no limit
# Sentences that are generated together at least: a step passes one token of each, and reads all weights for them.
SENTENCES_AT_ONCE = 256
CACHED_BYTES = 2**20  # of float32 logits that a core's cache holds


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn, as in transformers: temperature, then top-k, then top-p."""

    max_tokens: int  # the BOS token included, the words of a prompt not
    temperature: float
    top_p: float
    top_k: int  # 0: no limit


@dataclass(frozen=True)
class Sentence:
    """A generated sentence; perplexities are over its generated tokens, the end of the sentence included."""

    text: str
    tokens: int  # generated ones
    perplexity: float  # under the unintervened model
    own_perplexity: float  # under the model that wrote it


def generate(
    model: LanguageModel,
    conditions: Sequence[Condition],
    draws: Sequence[tuple[int, int, int]],
    sampling: Sampling,
    tokens_per_batch: int,
    what: str,
    prompts: Sequence[str] = (),
) -> list[Sentence]:
    """Generate sentences.

    Args:
        model: Unintervened.
        conditions: Those that sentences are generated under.
        draws: For each sentence the index of its condition, the seed and the sentence's number within the seed.
        sampling: How tokens are drawn.
        tokens_per_batch: Bounds the sentences generated together, times `max_tokens`, where that is more than
            `SENTENCES_AT_ONCE`.
        what: Shown with the progress.
        prompts: What sentences go on from; that of sentence n is the n-th, beginning anew after the last. None: the
            BOS token alone.

    Returns:
        A sentence per draw, without its prompt.

    Raises:
        StudyError: the tokenizer has no beginning-of-sentence token that the model knows, the model takes fewer tokens,
            or as `steer_by_row`.
    """
    beginnings = [[_bos(model)]]
    if prompts:
        words = model.tokenizer(list(prompts), add_special_tokens=False)["input_ids"]
        beginnings = [[*beginnings[0], *tokens] for tokens in words]
    of_draw = [beginnings[number % len(beginnings)] for _, _, number in draws]
    longest = sampling.max_tokens - 1 + max(map(len, of_draw), default=1)
    if model.max_tokens is not None and longest > model.max_tokens:
        raise StudyError(
            f"generation.max_tokens: {sampling.max_tokens}, but {model.manifest.name} takes {model.max_tokens} at most"
            + (f", and prompts have up to {longest - sampling.max_tokens} tokens." if prompts else ".")
        )
    written: list[_Written | None] = [None] * len(draws)
    rows_per_batch = max(SENTENCES_AT_ONCE, tokens_per_batch // sampling.max_tokens)
    with Progress(what, total=len(draws), unit="sentence") as progress:

        def forward(batch: Batch) -> None:
            found = _write(model, conditions, [draws[row] for row in batch.rows], batch.token_ids, sampling)
            for row, sentence in zip(batch.rows, found, strict=True):
                written[row] = sentence
            progress.advance(len(batch.rows), tokens=sum(len(sentence.tokens) for sentence in found))

        # Prompts of a length share a batch, so that none is padded.
        for length in sorted({len(tokens) for tokens in of_draw}):
            rows_of_length = [row for row, tokens in enumerate(of_draw) if len(tokens) == length]
            for start in range(0, len(rows_of_length), rows_per_batch):
                rows = rows_of_length[start : start + rows_per_batch]
                token_ids = torch.tensor([of_draw[row] for row in rows])
                run_halving(forward, Batch(rows, token_ids, torch.full((len(rows),), length), padded=False))
        # What the unintervened model wrote is not read again.
        by_base = [not conditions[condition].sites for condition, _, _ in draws]
        others = [row for row, base in enumerate(by_base) if not base]
        losses = iter(
            _mean_losses(
                model,
                [[*of_draw[row], *written[row].tokens] for row in others],
                [len(of_draw[row]) for row in others],
                tokens_per_batch,
            )
        )
    texts = model.tokenizer.batch_decode([sentence.tokens for sentence in written], skip_special_tokens=True)
    return [
        Sentence(text, len(one.tokens), math.exp(one.loss if base else next(losses)), math.exp(one.loss))
        for text, one, base in zip(texts, written, by_base, strict=True)
    ]


@dataclass(frozen=True)
class _Written:
    tokens: list[int]  # generated ones
    loss: float  # mean negative log likelihood of them under the model that wrote them


def _bos(model: LanguageModel) -> int:
    candidates = (model.tokenizer.bos_token_id, getattr(model.model.generation_config, "bos_token_id", None))
    found = next((token for token in candidates if token is not None), None)
    if found is not None and found >= model.vocabulary:
        raise StudyError(
            f"the beginning-of-sentence token of {model.manifest.name} is {found}, but the model's vocabulary has "
            f"{model.vocabulary}: tokenizer and weights do not belong together."
        )
    if found is None:
        raise StudyError(
            f"the tokenizer of {model.manifest.name} has no beginning-of-sentence token to generate from; set "
            "bos_token in its tokenizer_config.json."
        )
    return found


def _ends(model: LanguageModel) -> torch.Tensor:
    """Return tokens that end a sentence."""
    given = getattr(model.model.generation_config, "eos_token_id", None)
    given = model.tokenizer.eos_token_id if given is None else given
    return torch.tensor([] if given is None else given, dtype=torch.long, device=model.device).reshape(-1)


def _write(
    model: LanguageModel,
    conditions: Sequence[Condition],
    draws: Sequence[tuple[int, int, int]],
    prompts: torch.Tensor,
    sampling: Sampling,
) -> list[_Written]:
    """Return sentences that are generated together, after prompts [sentences, tokens].

    Through the model goes each unfinished beginning once: sentences of a condition whose tokens are the same so far
    share a row of the model's batch, as all of them do at the BOS token.
    """
    steps, device = sampling.max_tokens - 1, model.device
    numbers = torch.from_numpy(np.stack([uniform_numbers(seed, number, steps) for _, seed, number in draws])).to(device)
    ends = _ends(model)
    tokens = torch.full((len(draws), steps), model.pad_id, dtype=torch.long, device=device)
    losses = torch.zeros(len(draws), steps, device=device)
    lengths = torch.full((len(draws),), steps, device=device)
    condition_of_sentence = torch.tensor([condition for condition, _, _ in draws], device=device)
    # Unfinished sentences in the order of their rows, the row of each, and the condition of each row.
    begun = torch.cat([condition_of_sentence[:, None], prompts.to(device)], dim=1)
    rows, row = begun.unique(dim=0, return_inverse=True)  # sorted by condition
    running = row.argsort(stable=True)
    row, condition_of_row = row[running], rows[:, 0]
    # What goes through the model next: the last token of each row, or all of them where the model keeps no past.
    inputs, past = rows[:, 1:], {}
    with torch.inference_mode(), steer_by_row(model, conditions, condition_of_row) as set_rows:
        for step in range(steps):
            output = model.model(input_ids=inputs, use_cache=True, **past)
            past = _past_of(output)
            logits = output.logits[:, -1].to(device).float()  # a spread model has its head on another device
            drawn = sample(logits, row, numbers[running, step], sampling)
            tokens[running, step] = drawn
            losses[running, step] = _log_total(logits)[row] - logits[row, drawn]
            ended = torch.isin(drawn, ends)
            lengths[running[ended]] = step + 1
            running, row, drawn = running[~ended], row[~ended], drawn[~ended]
            if not len(running) or step == steps - 1:
                break
            # A row of the next batch is a row of this one with a token drawn for it.
            drawn_after, next_row = (row * logits.shape[1] + drawn).unique(return_inverse=True)
            parents, last = drawn_after // logits.shape[1], drawn_after % logits.shape[1]
            order = next_row.argsort(stable=True)
            running, row = running[order], next_row[order]
            inputs = last[:, None] if past else torch.cat([inputs[parents], last[:, None]], dim=1)
            if not torch.equal(parents, torch.arange(len(condition_of_row), device=device)):
                for kept in past.values():
                    kept.reorder_cache(parents)
                condition_of_row = condition_of_row[parents]
                set_rows(condition_of_row)
    return [
        _Written(row[:length].tolist(), loss[:length].mean().item())
        for row, length, loss in zip(tokens.cpu(), lengths.tolist(), losses.cpu(), strict=True)
    ]


def _past_of(output: "ModelOutput") -> dict[str, "Cache"]:
    """Return what a model is given to go on from its output, by argument; nothing for GPT-1, RWKV and their like."""
    past = getattr(output, "past_key_values", None)
    return {"past_key_values": past} if hasattr(past, "reorder_cache") else {}


def _mean_losses(
    model: LanguageModel, token_ids: Sequence[list[int]], first: Sequence[int], tokens_per_batch: int
) -> list[float]:
    """Return each sentence's mean negative log likelihood under the unintervened model, from its token `first` on."""
    found = [0.0] * len(token_ids)

    def read(batch: Batch) -> None:
        losses = token_losses(model, batch, torch.tensor([first[row] for row in batch.rows]))
        for row, loss in zip(batch.rows, losses, strict=True):
            found[row] = loss.mean().item()

    for batch in batches(token_ids, tokens_at_once(tokens_per_batch, model.device), model.pad_id):
        run_halving(read, batch)
    return found


def uniform_numbers(seed: int, number: int, count: int) -> np.ndarray:
    """Return the random numbers in [0, 1) of a sentence, one per token: float64 [count]."""
    return np.random.Generator(np.random.Philox(key=[seed, number])).random(count)


def sample(logits: torch.Tensor, row: torch.Tensor, numbers: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Draw a token for each sentence: int64 [sentences].

    Its number is looked up in the cumulative distribution of the tokens that top-k and top-p leave, the most probable
    first.

    Args:
        logits: Of every token [rows, vocabulary].
        row: The row of each sentence [sentences]; sentences may share one.
        numbers: A number in [0, 1) for each sentence [sentences].
        sampling: How tokens are drawn.
    """
    highest, token_ids, total = _candidates(logits, sampling)
    probabilities = (highest.double() - total).exp()
    # A token stays if those more probable than it do not reach top_p without it.
    before = probabilities.cumsum(dim=1) - probabilities
    probabilities = probabilities.masked_fill(before >= sampling.top_p, 0.0)
    cumulative = probabilities.cumsum(dim=1)[row]
    place = torch.searchsorted(cumulative, numbers[:, None] * cumulative[:, -1:], right=True)
    # Rounding must not lead past the last token that stays.
    last = (probabilities > 0).sum(dim=1, keepdim=True)[row] - 1
    return token_ids[row, torch.minimum(place, last)[:, 0]]


def _candidates(logits: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return each row's highest logits over the temperature, descending, their tokens, and the log of the sum of the
    exponentials of all that top-k leaves.
    """
    vocabulary = logits.shape[1]
    if not sampling.top_k and vocabulary > FEW_TOKENS:
        # Sorting the whole vocabulary takes as long as a layer or more, and few tokens mostly reach top_p.
        total = (logits / sampling.temperature).double().logsumexp(dim=1, keepdim=True)
        highest, token_ids = torch.topk(logits, FEW_TOKENS, dim=1)
        highest = highest / sampling.temperature
        if bool(((highest.double() - total).exp().sum(dim=1) >= sampling.top_p).all()):
            return highest, token_ids, total
    highest, token_ids = torch.topk(logits, min(sampling.top_k or vocabulary, vocabulary), dim=1)
    highest = highest / sampling.temperature
    return highest, token_ids, highest.double().logsumexp(dim=1, keepdim=True)


def _log_total(logits: torch.Tensor) -> torch.Tensor:
    """Return `logsumexp` of each row; on a CPU, of so few rows at a time that its copies of them stay in the cache."""
    rows = len(logits) if logits.is_cuda else max(1, CACHED_BYTES // (4 * logits.shape[1]))
    return torch.cat([part.logsumexp(dim=1) for part in logits.split(rows)])

"""Perplexity of a text in strided windows (paper, appendix B)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.models import DTYPES

CONTEXT, STRIDE = 2048, 512  # the study's, of a model without a limit of its own
TOKENS_PER_BATCH = 8192  # the study's


def text(tokens: int) -> list[int]:
    """Token ids, of which every model of `benchmarks.models` knows all."""
    return [1, *np.random.default_rng(0).integers(4, 2000, tokens - 1).tolist()]


def text_of(windows: int) -> int:
    """Tokens of a text that has so many windows."""
    return CONTEXT + (windows - 1) * STRIDE


def ours(directory: Path, tokens: int, dtype: str = "float32") -> Callable[[], float]:
    """Mean negative log likelihood of a token."""
    import torch

    from benchmarks.models import load
    from workflow_scripts.sweeps.perplexity import measure_perplexity, windows

    model, token_ids = load(directory, dtype), text(tokens)
    model.model(torch.tensor([text(8)]))  # weights are read from the file when they are first needed
    whole = windows(tokens, CONTEXT, STRIDE)

    def measure() -> float:
        losses = measure_perplexity(model, token_ids, whole, TOKENS_PER_BATCH, "benchmark")
        return float(losses.sum() / sum(window.scored for window in whole))

    return measure


def peer(directory: Path, tokens: int) -> Callable[[], float]:
    """The recipe of https://huggingface.co/docs/transformers/perplexity: window after window, with all logits."""
    import torch

    from benchmarks.models import load

    model, token_ids = load(directory).model, torch.tensor([text(tokens)])
    model(token_ids[:, :8])  # weights are read from the file when they are first needed

    def recipe() -> float:
        total, count, previous_end = 0.0, 0, 0
        for begin in range(0, token_ids.shape[1], STRIDE):
            end = min(begin + CONTEXT, token_ids.shape[1])
            inputs = token_ids[:, begin:end]
            targets = inputs.clone()
            targets[:, : previous_end - end] = -100  # scored in an earlier window
            with torch.no_grad():
                loss = model(inputs, labels=targets).loss
            # As documented: in the first window there is one loss less than targets, since nothing comes before the
            # first token; in the others there are as many, so that they weigh 1/512 too little.
            scored = int((targets != -100).sum()) - 1
            total, count, previous_end = total + loss * scored, count + scored, end
            if end == token_ids.shape[1]:
                break
        return float(total / count)

    return recipe


def same(mine: float, theirs: float) -> None:
    """Log perplexities, to 1e-4 of them."""
    assert mine == pytest.approx(theirs, rel=1e-4)


def forward_flop(model, positions: int, length: int) -> float:
    """Operations of the body for `positions` tokens in windows of `length`, two a weight and those of attention."""
    weights = sum(weight.numel() for name, weight in model.backbone.named_parameters() if "embed" not in name)
    config = model.model.config
    # Scores and sums of values, causal: on average half the window.
    return positions * (2 * weights + 2 * config.num_hidden_layers * config.hidden_size * length)


CASES = {"smollm2-135m": "SmolLM2-135M", "bloom-small": "small body, BLOOM's vocabulary"}
WINDOWS = {"smollm2-135m": 3, "bloom-small": 7}


@pytest.mark.parametrize("name", CASES)
def test_strided_windows_beside_the_documented_recipe(side_by_side, architecture_directory, name):
    directory, tokens = architecture_directory(name), text_of(WINDOWS[name])
    side_by_side.time(
        f"Perplexity, {CASES[name]}",
        "strided recipe of the transformers documentation",
        ours(directory, tokens),
        peer(directory, tokens),
        same,
        target=1.5,
        rounds=2,
        amounts=(tokens, tokens),
        unit="token",
        note=f"windows of {CONTEXT:,} tokens, every {STRIDE}",
    )


@pytest.mark.parametrize("name", CASES)
def test_peak_memory_beside_the_documented_recipe(side_by_side, architecture_directory, name):
    side_by_side.memory(
        f"Perplexity, {CASES[name]}",
        "strided recipe of the transformers documentation",
        ours,
        peer,
        (architecture_directory(name), text_of(2)),
        target=3,
        note=f"windows of {CONTEXT:,} tokens, every {STRIDE}",
    )


def prepare(windows: int, directory: Path) -> Callable[[], float]:
    """For `growth`, which gives the size first."""
    return ours(directory, text_of(windows))


def test_time_grows_with_the_windows(growth, architecture_directory):
    directory = architecture_directory("bloom-small")
    growth.of_time(
        f"Perplexity, {CASES['bloom-small']}, time",
        "windows",
        lambda windows: ours(directory, text_of(windows)),
        [2, 4, 8],
        rounds=1,
    )


def test_memory_does_not_grow_with_the_windows(growth, architecture_directory):
    growth.of_memory(
        f"Perplexity, {CASES['bloom-small']}, memory",
        "windows",
        prepare,
        [1, 4, 16],
        architecture_directory("bloom-small"),
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_rate(side_by_side, architecture_directory, name, dtype):
    from benchmarks.models import load

    directory, windows = architecture_directory(name), WINDOWS[name]
    model, tokens = load(directory), text_of(windows)
    # Every window goes through the body whole, and the tokens that it scores through the head.
    head = 2 * (tokens - 1) * model.model.get_output_embeddings().weight.numel()
    flop = head + forward_flop(model, windows * CONTEXT, CONTEXT)
    work = ours(directory, tokens, dtype)
    what = f"Perplexity in {dtype}, {CASES[name]}"
    side_by_side.rate(what, work, tokens, "token", flop, rounds=1, dtype=dtype)

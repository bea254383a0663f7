"""Sentences generated under every k of a sweep (paper, appendix B), with their perplexities."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.models import DTYPES, load, sweep

KS = (0, 100, 200, 500, 1000, 2000, 5000)  # those of the paper's sweep
SENTENCES = 16  # a value of k
MODEL = "smollm2-135m"


@pytest.fixture(scope="module")
def sampling():
    """The study's."""
    from workflow_scripts.sweeps.generation import Sampling

    return Sampling(max_tokens=20, temperature=1.0, top_p=0.9, top_k=50)


@pytest.fixture
def model(architecture_directory):
    """A model with random weights, which ends a sentence once in thousands."""
    return load(architecture_directory(MODEL))


def ours(model, conditions, sampling, sentences=SENTENCES) -> list:
    """Sentences of all conditions, in the order in which the stage draws them."""
    from workflow_scripts.sweeps.generation import generate

    draws = [(condition, 0, number) for number in range(sentences) for condition in range(len(conditions))]
    return generate(model, conditions, draws, sampling, len(draws) * sampling.max_tokens, "benchmark")


def peer(model, conditions, sampling, sentences=SENTENCES) -> list:
    """One `generate` after another, each with all sentences of a k, then read again by the unintervened model."""
    import torch
    from transformers import GenerationConfig

    from workflow_scripts.sweeps.generation import Sentence

    found: dict[int, list] = {}
    prompts = torch.full((sentences, 1), model.tokenizer.bos_token_id)
    config = GenerationConfig(
        max_length=sampling.max_tokens,
        do_sample=True,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        pad_token_id=model.pad_id,
        bos_token_id=model.tokenizer.bos_token_id,
        eos_token_id=model.model.generation_config.eos_token_id,
        return_dict_in_generate=True,
        output_logits=True,
    )
    for index, condition in enumerate(conditions):
        with torch.inference_mode():
            with forced(model, condition):
                written = model.model.generate(
                    prompts, attention_mask=torch.ones_like(prompts), generation_config=config
                )
                own = -model.model.compute_transition_scores(written.sequences, written.logits, normalize_logits=True)
            tokens = written.sequences[:, 1:]
            lengths = generated(tokens, model.model.generation_config.eos_token_id)
            real = torch.arange(tokens.shape[1]) < lengths[:, None]
            mask = torch.cat([torch.ones_like(prompts), real.long()], dim=1)
            logits = model.model(written.sequences[:, :-1], attention_mask=mask[:, :-1], use_cache=False).logits
            base = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none")
            base = base.view_as(tokens)
        texts = model.tokenizer.batch_decode(
            [row[:length] for row, length in zip(tokens, lengths, strict=True)], skip_special_tokens=True
        )
        found[index] = [
            Sentence(text, int(length), math.exp(theirs[:length].mean()), math.exp(mine[:length].mean()))
            for text, length, theirs, mine in zip(texts, lengths, base, own, strict=True)
        ]
    return [found[index][number] for number in range(sentences) for index in range(len(conditions))]


def generated(tokens, ends):
    """Tokens of each row up to the first that ends a sentence, that one included."""
    import torch

    is_end = torch.isin(tokens, torch.as_tensor(ends))
    return torch.where(is_end.any(dim=1), is_end.int().argmax(dim=1) + 1, tokens.shape[1])


@contextmanager
def forced(model, condition) -> Iterator[None]:
    """Forward hooks that set the units, as one writes them for a single condition."""
    import torch

    def hook_of(site) -> Callable:
        units, values = torch.tensor(site.units), torch.tensor(site.parameters["value"])

        def hook(module, inputs, output):
            output[..., units] = values
            return output

        return hook

    modules = dict(model.backbone.named_modules())
    handles = [modules[site.module].register_forward_hook(hook_of(site)) for site in condition.sites]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def same(one: list, other: list) -> None:
    """The same texts, as long and as probable, to 1e-3 of the perplexities."""
    for mine, theirs in zip(one, other, strict=True):
        assert (mine.text, mine.tokens) == (theirs.text, theirs.tokens)
        assert mine.perplexity == pytest.approx(theirs.perplexity, rel=1e-3)
        assert mine.own_perplexity == pytest.approx(theirs.own_perplexity, rel=1e-3)


def as_probable(one: list, other: list) -> None:
    """What can be said of sentences drawn by other random numbers: as many, and about as probable."""
    for name in ("perplexity", "own_perplexity"):
        logarithms = [np.log([getattr(sentence, name) for sentence in sentences]) for sentences in (one, other)]
        error = math.hypot(*(values.std() / math.sqrt(len(values)) for values in logarithms))
        assert abs(logarithms[0].mean() - logarithms[1].mean()) < 5 * error
    assert len(one) == len(other)


@pytest.mark.parametrize("sentences", [4, 16])
def test_sweep_beside_one_generate_after_another(side_by_side, model, sampling, sentences):
    compare(side_by_side, model, sampling, sentences, f"{sentences} a value of k")


def test_sentences_that_end_early(side_by_side, model, sampling, monkeypatch):
    # Random weights end no sentence by themselves; here every twelfth token does.
    monkeypatch.setattr(model.model.generation_config, "eos_token_id", list(range(3, model.vocabulary, 12)))
    compare(side_by_side, model, sampling, 8, "8 a value of k, of about 10 tokens")


def compare(side_by_side, model, sampling, sentences: int, which: str) -> None:
    """Time the sweep with the study's sampling; where nothing is left to chance, both must write the same."""
    conditions = sweep(model.manifest.sites, KS)
    certain = replace(sampling, top_k=1)
    same(ours(model, conditions, certain, 2), peer(model, conditions, certain, 2))
    count = len(conditions) * sentences
    side_by_side.time(
        f"Sentences under {len(conditions)} values of k, and their perplexities: {which}",
        "one transformers `generate` a value of k, its sentences together",
        lambda: ours(model, conditions, sampling, sentences),
        lambda: peer(model, conditions, sampling, sentences),
        as_probable,
        target=3,
        rounds=2,
        amounts=(count, count),
        unit="sentence",
        note="SmolLM2-135M, 20 tokens at most; both read what was written again without intervention",
    )


def test_time_grows_with_the_values_of_k(growth, model, sampling):
    conditions = sweep(model.manifest.sites, KS)
    growth.of_time(
        "Sentences under a sweep, 8 a value of k",
        "values of k",
        lambda count: lambda: ours(model, conditions[:count], sampling, 8),
        [1, 3, 7],
        rounds=1,
    )


def test_time_grows_with_the_sentences(growth, model, sampling):
    conditions = sweep(model.manifest.sites, KS)
    growth.of_time(
        f"Sentences under {len(conditions)} values of k",
        "sentences a value of k",
        lambda count: lambda: ours(model, conditions, sampling, count),
        [1, 4, 16],
        rounds=1,
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_rate(side_by_side, architecture_directory, sampling, dtype):
    model = load(architecture_directory(MODEL), dtype)
    conditions, steps = sweep(model.manifest.sites, KS), sampling.max_tokens - 1
    weights = sum(weight.numel() for weight in model.model.parameters())  # the head is the embeddings: counted once
    written = SENTENCES * len(conditions) * steps
    # A token is written by a pass through all weights, and read again unless the unintervened model wrote it.
    flop = 2 * weights * (written + written * (len(conditions) - 1) / len(conditions))
    # All weights are read at every step, and once to read again.
    moved = model.model.dtype.itemsize * weights * (steps + 1)
    side_by_side.rate(
        f"Sentences in {dtype} under {len(conditions)} values of k, {SENTENCES} each",
        lambda: ours(model, conditions, sampling),
        written,
        "token",
        flop,
        moved,
        rounds=1,
        dtype=dtype,
    )

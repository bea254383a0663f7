"""LAPE, against its definition neuron by neuron; activation probabilities, against one sentence at a time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.conditions.lape import entropies, lape_units
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.batching import batches, encode
from workflow_scripts.neurons.activation_probabilities import activation_probabilities


def reference(probabilities, target, k):
    """By loops: neurons active in the target, sorted by entropy."""
    threshold = np.quantile(probabilities, 0.95)
    ranked = []
    for neuron in range(probabilities.shape[1]):
        row = probabilities[:, neuron]
        if row[target] > threshold:
            shares = [share / sum(row) for share in row if share > 0]
            ranked.append((-sum(share * math.log(share) for share in shares), neuron))
    return sorted(neuron for _, neuron in sorted(ranked)[:k])


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_units_are_those_of_lowest_entropy_among_the_active(seed, k):
    probabilities = np.random.default_rng(seed).uniform(size=(4, 120)) ** 3
    target = seed % 4
    wanted = reference(probabilities, target, k)
    if len(wanted) < k:
        with pytest.raises(StudyError, match=f"fewer than k = {k}"):
            lape_units(probabilities, target, k)
    else:
        assert lape_units(probabilities, target, k).tolist() == wanted


def test_a_neuron_of_one_language_has_no_entropy_and_one_of_all_the_most():
    probabilities = np.array([[0.4, 0.2, 0.0], [0.0, 0.2, 0.0]])
    np.testing.assert_allclose(entropies(probabilities), [0.0, math.log(2), math.inf])


def test_ties_go_to_the_lower_index():
    probabilities = np.zeros((2, 100))
    probabilities[0, [3, 7, 9]] = 0.5
    assert lape_units(probabilities, 0, 2).tolist() == [3, 7]


@pytest.mark.parametrize("architecture", ["bloom", "llama", "mt5"])
def test_a_neuron_is_active_for_the_tokens_at_which_it_puts_out_more_than_zero(load, texts, architecture):
    model = load(architecture)
    found = activation_probabilities(model, texts, 12, 40, "test")
    active, tokens = np.zeros(model.manifest.neurons), 0
    modules = dict(model.backbone.named_modules())
    for token_ids in encode(model.tokenizer, texts, 12):
        kept = {}
        handles = [
            modules[site.module].register_forward_hook(
                lambda _, __, output, site=site, kept=kept: kept.update({site: output[0]})
            )
            for site in model.manifest.sites
        ]
        (batch,) = batches([token_ids], 100, model.pad_id)
        model.forward(batch)
        for handle in handles:
            handle.remove()
        for site, output in kept.items():
            active[site.offset : site.offset + site.width] += (output > 0).sum(dim=0).numpy()
        tokens += len(token_ids)
    np.testing.assert_allclose(found, active / tokens, atol=1e-12)
    assert not any(module._forward_hooks for module in model.model.modules())

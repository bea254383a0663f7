"""Methods that exchange the language of a layer's states, against their formulas on single states."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from workflow_scripts.interventions.conditions import Condition, Site
from workflow_scripts.interventions.hooks import steer, steer_by_row
from workflow_scripts.interventions.method import LayerStatistics
from workflow_scripts.interventions.registry import get_method, parameters_of
from workflow_scripts.models.batching import batches
from workflow_scripts.models.sites import module_of_layer


def layer_statistics(width, languages=4, seed=0):
    draw = np.random.default_rng(seed)
    means, factor = draw.normal(size=(languages, width)), draw.normal(size=(width, width))
    return LayerStatistics(means[0], means[1:].mean(axis=0), means, factor @ factor.T / width)


def apply(method, states, statistics, strength=1.0, **settings):
    """What a method makes of states [states, d], by the parameters that a condition stores of it."""
    stored = parameters_of(method, strength, statistics, settings)
    tensors = {name: torch.from_numpy(np.asarray(values)) for name, values in stored.items()}
    return get_method(method).apply(torch.from_numpy(states), **tensors).numpy()


def recovered(state, statistics):
    """The definition by least squares: the state's part in the span of the means' differences becomes the target's."""
    differences = (statistics.languages[1:] - statistics.languages[0]).T

    def part(vector):
        return differences @ np.linalg.lstsq(differences, vector, rcond=None)[0]

    moved = state - part(state) + part(statistics.target)
    return moved * np.linalg.norm(state) / np.linalg.norm(moved)


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_recover_exchanges_the_language_and_restores_the_norm(strength):
    statistics, states = layer_statistics(9), np.random.default_rng(1).normal(size=(6, 9))
    found = apply("recover", states, statistics, strength)
    for state, after in zip(states, found, strict=True):
        np.testing.assert_allclose(after, state + strength * (recovered(state, statistics) - state), atol=1e-6)
    if strength == 1:
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.linalg.norm(states, axis=1), rtol=1e-6)


def test_recover_leaves_the_mean_of_the_target_where_it_is_and_zero_finite():
    statistics = layer_statistics(7)
    np.testing.assert_allclose(apply("recover", statistics.target[None], statistics)[0], statistics.target, atol=1e-6)
    assert not apply("recover", np.zeros((1, 7)), statistics).any()


@pytest.mark.parametrize(
    ("share", "scale", "expected"), [(0.25, 1.0, [1, 6]), (0.5, 2.0, [1, 2, 5, 6]), (0.01, 1, [6])]
)
def test_the_dimensions_that_differ_most_are_overwritten(share, scale, expected):
    others = np.zeros(8)
    target = np.array([0.1, -3.0, 2.0, 0.0, 0.5, -2.0, 4.0, 1.0])
    statistics = LayerStatistics(target, others, np.stack([target, others]))
    states = np.random.default_rng(0).normal(size=(3, 8))
    after = states.copy()
    after[:, expected] = scale * target[expected]
    np.testing.assert_array_equal(apply("language_dimensions", states, statistics, share=share, scale=scale), after)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValidationError, match=r"share: .* is no share of the dimensions"):
        get_method("language_dimensions").read_settings({"share": share})


def sentences(draw, languages=4, count=60, width=6):
    """States of sentences [languages, sentences, d], whose languages differ in mean, and not all dimensions alike."""
    spread = draw.normal(size=(width, width))
    return draw.normal(size=(languages, 1, width)) + draw.normal(size=(languages, count, width)) @ spread


def test_the_discriminants_are_those_of_scikit_learn_and_nothing_else_is_changed():
    draw = np.random.default_rng(3)
    states = sentences(draw)
    languages, count, width = states.shape
    means = states.mean(axis=1)
    centred = (states - means[:, None]).reshape(-1, width)
    statistics = LayerStatistics(means[0], means[1:].mean(axis=0), means, centred.T @ centred / len(centred))
    flat, labels = states.reshape(-1, width), np.repeat(np.arange(languages), count)
    fitted = LinearDiscriminantAnalysis(solver="eigen").fit(flat, labels)
    # The least that shrinkage may be: scikit-learn shrinks covariances of standardised states, by language.
    after = apply("discriminant", flat, statistics, shrinkage=1e-12)
    read = fitted.transform(after)[:, : languages - 1]
    np.testing.assert_allclose(read, np.broadcast_to(read[:1], read.shape), atol=1e-6)
    np.testing.assert_allclose(read[0], fitted.transform(means[:1])[0, : languages - 1], atol=1e-6)
    # What is changed, W times the discriminants, is orthogonal by the metric W⁻¹ to all that is kept.
    change, kept = after - flat, after - means[0]
    assert np.abs(change @ np.linalg.solve(statistics.within, kept.T)).max() < 1e-6
    assert np.linalg.matrix_rank(change, tol=1e-6) == languages - 1


def test_the_discriminants_of_a_shrunk_covariance_are_those_of_that_covariance():
    statistics, states = layer_statistics(6), np.random.default_rng(1).normal(size=(5, 6))
    shrunk = 0.7 * statistics.within + 0.3 * np.trace(statistics.within) / 6 * np.eye(6)
    named = LayerStatistics(statistics.target, statistics.others, statistics.languages, shrunk)
    found = apply("discriminant", states, statistics, shrinkage=0.3)
    np.testing.assert_allclose(found, apply("discriminant", states, named, shrinkage=1e-12), atol=1e-8)


@pytest.mark.parametrize("shrinkage", [0.0, 1.1])
def test_a_shrinkage_that_is_none_is_refused(shrinkage):
    with pytest.raises(ValidationError, match=r"shrinkage: .* is no share of the covariance"):
        get_method("discriminant").read_settings({"shrinkage": shrinkage})


@pytest.mark.parametrize("method", ["recover", "language_dimensions", "discriminant"])
@pytest.mark.parametrize("architecture", ["bloom", "llama"])
def test_the_states_of_a_layer_are_changed_in_a_model_and_in_the_rows_of_a_batch(load, architecture, method):
    model = load(architecture)
    width = model.manifest.width
    statistics = layer_statistics(width)
    (batch,) = batches([[1, 40, 50, 60], [1, 41, 51, 52]], 1000, model.pad_id)
    stored = {name: values.tolist() for name, values in parameters_of(method, 1.0, statistics).items()}
    module = module_of_layer(model.manifest.blocks, 1)
    site = Site(module=module, width=width, units=list(range(width)), parameters=stored)
    named = dict(name=f"es-layer-{method}", model="tiny", method=method, units="layer", k=width)
    condition = Condition(**named, sites=[site])
    before = model.forward_layers(batch, [0, 1])
    with steer(model, condition):
        after = model.forward_layers(batch, [0, 1])
    assert torch.equal(after[0], before[0])
    expected = apply(method, before[1].double().numpy().reshape(-1, width), statistics)
    np.testing.assert_allclose(after[1].double().numpy().reshape(-1, width), expected, atol=1e-4)
    with steer_by_row(model, [Condition(name="base", model="tiny"), condition], torch.tensor([1, 0])):
        (by_row,) = model.forward_layers(batch, [1])
    torch.testing.assert_close(by_row[0], after[1][0])
    torch.testing.assert_close(by_row[1], before[1][1])

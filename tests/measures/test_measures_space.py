"""Centring, CKA, representational similarity and the geometry of a space against loops and other formulas."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial.distance import cosine, pdist

from workflow_scripts.measures.centring import centred, shift_between
from workflow_scripts.measures.definitions.distances import aligned_distances, centred_pair_distances, pair_distances
from workflow_scripts.measures.definitions.geometry import (
    anisotropy,
    effective_rank,
    effective_rank_of_space,
    variance_explained,
)
from workflow_scripts.measures.definitions.relations import (
    debiased_cka,
    midranks,
    representational_similarity,
    shuffled_cka_deviation,
    u_centred,
)

SPACES = st.tuples(st.integers(2, 3), st.integers(4, 7), st.integers(2, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-9, 9))
)


@pytest.fixture
def space():
    draw = np.random.default_rng(0)
    shared = draw.normal(1, 1, (12, 5))
    return (shared + 0.5 * draw.normal(size=(3, 12, 5))).astype(np.float32)


# --- Centring ---


def test_centring_takes_means_off(space):
    assert centred(space, "none") is space
    np.testing.assert_allclose(centred(space, "all"), space - space.mean(axis=(0, 1)), atol=1e-6)
    np.testing.assert_allclose(centred(space, "language"), space - space.mean(axis=1, keepdims=True), atol=1e-6)
    assert centred(space, "language").dtype == np.float32
    np.testing.assert_allclose(pair_distances(centred(space, "all")), centred_pair_distances(space), atol=1e-6)


def test_what_was_centred_does_not_see_a_constant_of_the_space_or_of_a_language(space):
    moved = space.astype(float) + np.arange(5)
    np.testing.assert_allclose(centred(moved, "all"), centred(space, "all"), atol=1e-6)
    moved += np.arange(15).reshape(3, 1, 5)
    np.testing.assert_allclose(centred(moved, "language"), centred(space, "language"), atol=1e-5)
    assert np.abs(centred(moved, "all") - centred(space, "all")).max() > 1
    assert np.abs(aligned_distances(moved) - aligned_distances(space)).max() > 0.01


def test_the_constant_control_has_the_mean_of_the_intervened_space(space):
    intervened = space[::-1] * 3 + np.arange(5, dtype=np.float32)
    control = space + shift_between(space, intervened)
    np.testing.assert_allclose(control.mean(axis=(0, 1)), intervened.mean(axis=(0, 1)), rtol=1e-6)
    np.testing.assert_allclose(centred(control, "all"), centred(space, "all"), atol=1e-5)


# --- Relations ---


def hsic(one, other):
    """The unbiased estimate of Song et al. 2012 as it stands there, in Gram matrices without diagonals."""
    grams = [np.array([[x @ y for y in side] for x in side]) for side in (one, other)]
    k, l = (gram - np.diag(np.diag(gram)) for gram in grams)  # noqa: E741
    n, ones = len(k), np.ones(len(k))
    trace = np.trace(k @ l)
    sums = (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2))
    return (trace + sums - 2 / (n - 2) * (ones @ k @ l @ ones)) / (n * (n - 3))


def test_cka_is_that_of_the_unbiased_estimate(space):
    space = space.astype(float)
    expected = [[hsic(one, other) / np.sqrt(hsic(one, one) * hsic(other, other)) for other in space] for one in space]
    np.testing.assert_allclose(debiased_cka(space), expected, atol=1e-9)


@given(SPACES)
def test_a_u_centred_matrix_has_no_diagonal_and_rows_that_sum_to_zero(space):
    found = u_centred(space[0] @ space[0].T)
    np.testing.assert_array_equal(np.diagonal(found), 0)
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-9)


def test_cka_ignores_rotations_scales_and_constants(space):
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))
    moved = np.stack([space[0], 3 * space[0] @ rotation + 7, space[2]])
    found = debiased_cka(moved)
    assert found[0, 1] == pytest.approx(1)
    assert found[0, 2] == pytest.approx(debiased_cka(space)[0, 2])


@pytest.mark.parametrize("sentences", [4, 5, 6])
def test_the_spread_of_cka_over_all_shufflings_is_known(sentences):
    draw = np.random.default_rng(sentences)
    one, other = draw.normal(size=(sentences, 9)), draw.exponential(size=(sentences, 9))
    shuffled = [debiased_cka(np.stack([one, other[list(order)]]))[0, 1] for order in permutations(range(sentences))]
    assert np.mean(shuffled) == pytest.approx(0, abs=1e-12)
    assert np.std(shuffled) == pytest.approx(shuffled_cka_deviation(sentences))


def test_too_few_sentences_and_equal_ones_have_no_cka(space):
    assert np.isnan(debiased_cka(space[:, :3])).all()
    assert np.isnan(shuffled_cka_deviation(3))
    space[1] = 1
    found = debiased_cka(space)
    assert np.isnan(found[1]).all() and np.isfinite(found[0, 2])


def test_representational_similarity_is_spearmans_of_the_distances(space):
    distances = [pdist(side.astype(float), "cosine") for side in space]
    found = representational_similarity(space)
    for one, other in product(range(3), repeat=2):
        assert found[one, other] == pytest.approx(stats.spearmanr(distances[one], distances[other]).statistic)


@given(arrays(np.float64, st.integers(0, 9), elements=st.integers(0, 4)))
def test_midranks_are_scipys(values):
    np.testing.assert_array_equal(midranks(values), stats.rankdata(values))


def test_representational_similarity_with_ties_and_where_it_is_undefined():
    space = np.array([[[1, 0], [1, 0], [0, 1], [1, 1]], [[0, 1], [0, 1], [0, 1], [3, 3]]], dtype=float)
    expected = stats.spearmanr(*(np.round(pdist(side, "cosine"), 9) for side in space)).statistic
    assert representational_similarity(space)[0, 1] == pytest.approx(expected)
    space[1] = [1, 0]
    assert np.isnan(representational_similarity(space)[0, 1])


# --- Geometry ---


@pytest.mark.parametrize("shape", [(12, 5), (5, 12), (2, 3)])
def test_effective_rank_is_that_of_the_singular_values(shape):
    embeddings = np.random.default_rng(0).normal(3, 1, shape) * np.arange(1, shape[1] + 1)
    values = np.linalg.svd(embeddings - embeddings.mean(axis=0), compute_uv=False)
    shares = values / values.sum()
    expected = np.exp(stats.entropy(shares[shares > 1e-12]))
    assert effective_rank(embeddings) == pytest.approx(expected, rel=1e-6)


def test_the_effective_rank_of_a_line_is_one_and_of_a_point_undefined():
    line = np.arange(6)[:, None] * np.array([1.0, 2, 3]) + 5
    assert effective_rank(line) == pytest.approx(1)
    assert np.isnan(effective_rank(np.ones((4, 3))))
    assert effective_rank(np.eye(5)) == pytest.approx(4)


@pytest.mark.parametrize("d", [5, 60])
def test_the_effective_rank_of_a_space_is_that_of_all_its_sentences(d):
    space = np.random.default_rng(0).normal(2, 1, (3, 12, d)).astype(np.float32)
    assert effective_rank_of_space(space) == pytest.approx(effective_rank(space.reshape(-1, d)), rel=1e-5)


def test_anisotropy_is_the_mean_cosine_of_different_sentences(space):
    expected = [
        np.mean([1 - cosine(side[i], side[j]) for i in range(12) for j in range(12) if i != j]) for side in space
    ]
    np.testing.assert_allclose(anisotropy(space), expected, atol=1e-6)
    assert np.isnan(anisotropy(space[:, :1])).all()


def test_variance_explained_is_the_r_squared_of_group_means(space):
    exact = space.astype(float)
    total = ((exact - exact.mean(axis=(0, 1))) ** 2).sum()
    left = ((exact - exact.mean(axis=1, keepdims=True)) ** 2).sum(), ((exact - exact.mean(axis=0)) ** 2).sum()
    assert variance_explained(space) == pytest.approx([1 - rest / total for rest in left])
    assert np.isnan(variance_explained(np.ones((2, 4, 3)))).all()


@given(SPACES)
def test_language_and_sentence_explain_no_more_than_everything(space):
    shares = variance_explained(space)
    if np.ptp(space.reshape(-1, space.shape[-1]), axis=0).any():
        assert all(-1e-12 <= share <= 1 + 1e-12 for share in shares)
        assert sum(shares) <= 1 + 1e-9
    else:
        assert np.isnan(shares).all()

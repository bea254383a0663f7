"""Distances and medoids against loops over all pairs of sentences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist, cosine

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures import registry
from workflow_scripts.measures.definitions import distances

# Embeddings [languages, sentences, d] that are nowhere near zero.
SPACES = st.tuples(st.integers(2, 4), st.integers(1, 5), st.integers(2, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(-10, 10, width=32)).map(lambda space: space + 11)
)


@pytest.fixture
def space():
    return np.random.default_rng(0).normal(1, 1, (4, 7, 5)).astype(np.float32)


def by_pairs(space, distance):
    count = range(len(space))
    return np.array([[distance(space[one], space[other]) for other in count] for one in count])


@pytest.fixture(params=[1, 3, None])
def rows(request, monkeypatch):
    """Rows of five numbers that are worked on at a time; None leaves it at what it is."""
    if request.param is not None:
        monkeypatch.setattr(distances, "BLOCK_BYTES", 8 * 5 * request.param)
    return request.param


@given(SPACES, st.integers(1, 200))
def test_the_closed_form_is_the_mean_over_all_pairs_of_sentences(space, block_bytes):
    expected = by_pairs(space, lambda one, other: cdist(one, other, "cosine").mean())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "BLOCK_BYTES", block_bytes)
        np.testing.assert_allclose(distances.pair_distances(space), expected, atol=1e-9)


def test_centred_distances_do_not_see_a_constant_added_to_every_sentence(space, rows):
    centred = space.astype(float) - space.reshape(-1, 5).mean(axis=0, dtype=float)
    expected = by_pairs(centred, lambda one, other: cdist(one, other, "cosine").mean())
    np.testing.assert_allclose(distances.centred_pair_distances(space), expected, atol=1e-9)
    shifted = space.astype(float) + 100
    np.testing.assert_allclose(distances.centred_pair_distances(shifted), expected, atol=1e-9)
    assert distances.pair_distances(shifted).max() < 0.01 < distances.pair_distances(space).max()


def test_distances_of_means_and_of_translations(space, rows):
    of_means = by_pairs(space, lambda one, other: cosine(one.mean(0), other.mean(0)))
    np.testing.assert_allclose(distances.mean_distances(space), of_means, atol=1e-6)
    aligned = by_pairs(space, lambda one, other: np.mean([cosine(x, y) for x, y in zip(one, other, strict=True)]))
    np.testing.assert_allclose(distances.aligned_distances(space), aligned, atol=1e-6)


@pytest.mark.parametrize("name", ["pairs", "means", "aligned"])
def test_cosine_distances_are_symmetric_and_ignore_the_scale(space, name):
    matrix = registry.distances()[name].compute(space)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    np.testing.assert_allclose(registry.distances()[name].compute(3 * space), matrix, atol=1e-6)


@given(SPACES)
def test_the_medoid_has_the_smallest_summed_distance(space):
    flat = space.reshape(-1, space.shape[-1])
    sums = cdist(flat, flat, "cosine").sum(axis=1)
    medoid = distances.sentence_medoid(space)
    assert sums[medoid.language * space.shape[1] + medoid.sentence] == pytest.approx(sums.min(), abs=1e-6)
    assert (medoid.vector == space[medoid.language, medoid.sentence]).all()


def test_other_medoids_and_the_distance_of_each_language_to_one(space, rows):
    means = space.mean(axis=1)
    medoid = distances.language_mean_medoid(space)
    assert medoid.language == np.argmin(cdist(means, means, "cosine").sum(axis=1))
    np.testing.assert_allclose(distances.centroid(space).vector, space.reshape(-1, 5).mean(0), rtol=1e-5)
    expected = [cosine(mean, medoid.vector) for mean in means]
    np.testing.assert_allclose(distances.distances_to(medoid, space), expected, atol=1e-6)


@pytest.mark.parametrize("measure", [distances.pair_distances, distances.aligned_distances, distances.sentence_medoid])
def test_an_embedding_of_zero_is_refused(space, rows, measure):
    space[2, 3] = 0
    with pytest.raises(StudyError, match=r"embedding at \(2, 3\) is zero"):
        measure(space)


@pytest.mark.parametrize("measure", [*registry.distances().values(), *registry.medoids().values()])
def test_embeddings_are_left_as_they_were(space, measure):
    space = space.astype(float)
    before = space.copy()
    measure.compute(space)
    np.testing.assert_array_equal(space, before)

"""Whitening, beside scikit-learn's principal components, and retrieval after it query by query."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from workflow_scripts.measures.definitions import whitening
from workflow_scripts.measures.definitions.whitening import whitened, whitened_accuracy

LANGUAGES, SENTENCES, D = 3, 24, 10


@pytest.fixture
def space():
    """Translations that differ by noise and by language, in a space of which two directions vary far too much."""
    generator = np.random.default_rng(0)
    meanings = generator.normal(size=(SENTENCES, D))
    noise, of_language = generator.normal(size=(LANGUAGES, SENTENCES, D)), generator.normal(size=(LANGUAGES, 1, D))
    scales = np.r_[40.0, 20.0, np.ones(D - 2)]
    mixed = np.linalg.qr(generator.normal(size=(D, D)))[0]
    return (((meanings + 0.5 * noise + 0.2 * of_language) * scales) @ mixed + 5).astype(np.float32)


@pytest.mark.parametrize("components", [256, 4])
def test_accuracies_are_those_of_the_nearest_in_whitened_principal_components(space, monkeypatch, components):
    monkeypatch.setattr(whitening, "COMPONENTS", components)
    kept = min(components, D)  # and of 72 sentences no more than 18
    exact = space.astype(np.float64).reshape(-1, D)
    expected = PCA(n_components=kept, whiten=True, svd_solver="full").fit_transform(exact)
    expected = expected.reshape(LANGUAGES, SENTENCES, kept)
    white = whitened(space)
    assert white.shape == expected.shape
    of_all = white.reshape(-1, kept)
    np.testing.assert_allclose(of_all.T @ of_all / len(of_all), np.eye(kept), atol=1e-9)
    found = whitened_accuracy(space)
    for query in range(LANGUAGES):
        assert np.isnan(found[query, query])
        for candidate in set(range(LANGUAGES)) - {query}:
            right = 0
            for number, sentence in enumerate(expected[query]):
                cosines = [
                    sentence @ other / np.linalg.norm(sentence) / np.linalg.norm(other) for other in expected[candidate]
                ]
                right += int(np.argmax(cosines) == number)
            assert found[query, candidate] == pytest.approx(right / SENTENCES)


def test_few_sentences_leave_few_components_and_no_variance_leaves_none(space):
    assert whitened(space[:, :4]).shape == (3, 4, 3)
    assert whitened(space[:2, :1]).shape == (2, 1, 1)
    assert np.isnan(whitened_accuracy(np.ones_like(space))).all()

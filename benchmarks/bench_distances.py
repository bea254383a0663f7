"""Distances between languages (paper, section 4)."""

from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from workflow_scripts.measures.definitions.distances import pair_distances
from workflow_scripts.measures.registry import distances

SENTENCES, WIDTH = 1012, 1024  # of FLORES-200 in a small model


def random_embeddings(languages: int, sentences: int = SENTENCES) -> np.ndarray:
    """Float32 [languages, sentences, d], each language around a place of its own."""
    generator = np.random.default_rng(0)
    places = generator.standard_normal((languages, 1, WIDTH), dtype=np.float32)
    return places + generator.standard_normal((languages, sentences, WIDTH), dtype=np.float32)


@pytest.fixture(scope="module")
def embeddings() -> np.ndarray:
    """Of six languages."""
    return random_embeddings(6)


def test_mean_cosine_distances_beside_scipy(side_by_side, embeddings):
    pairs = list(combinations(range(len(embeddings)), 2))

    def same(ours, peer):
        for (one, other), distance in zip(pairs, peer, strict=True):
            assert abs(ours[one, other] - distance) < 1e-6

    side_by_side.time(
        "Language distances",
        "scipy `cdist`, mean of each pair",
        lambda: pair_distances(embeddings),
        lambda: [cdist(embeddings[one], embeddings[other], "cosine").mean() for one, other in pairs],
        same,
        target=100,
        amounts=(len(pairs), len(pairs)),
        rounds=3,
        unit="pair of languages",
    )


def test_all_distances_beside_scipy(side_by_side, embeddings):
    embeddings = embeddings[:4]
    pairs = list(combinations(range(len(embeddings)), 2))

    def by_scipy() -> dict[str, list[float]]:
        centred = embeddings - embeddings.mean(axis=(0, 1), dtype=np.float64)
        means = cdist(*2 * [embeddings.mean(axis=1, dtype=np.float64)], "cosine")
        raw = [cdist(embeddings[one], embeddings[other], "cosine") for one, other in pairs]
        return {
            "pairs": [distances.mean() for distances in raw],
            "pairs_centred": [cdist(centred[one], centred[other], "cosine").mean() for one, other in pairs],
            "means": [means[pair] for pair in pairs],
            "aligned": [distances.diagonal().mean() for distances in raw],
        }

    def same(ours, peer):
        assert set(ours) == set(peer)
        for measure, values in peer.items():
            for (one, other), distance in zip(pairs, values, strict=True):
                assert abs(ours[measure][one, other] - distance) < 1e-6

    side_by_side.time(
        "Language distances by all four measures",
        "scipy `cdist`, a matrix serving two measures",
        lambda: {name: each.compute(embeddings) for name, each in distances().items()},
        by_scipy,
        same,
        target=100,
        amounts=(len(pairs), len(pairs)),
        rounds=3,
        unit="pair of languages",
    )


def test_rate_of_distances(side_by_side):
    embeddings = random_embeddings(22)
    side_by_side.rate(
        "Language distances",
        lambda: pair_distances(embeddings),
        amount=22 * 21 / 2,
        unit="pair of languages",
        moved=embeddings.nbytes,  # read once; the sums stay in the cache
    )


def test_time_against_languages(growth):
    growth.of_time(
        "Language distances, time",
        "languages",
        lambda languages: _distances_of(random_embeddings(languages)),
        [4, 8, 16, 32],
    )


def test_time_against_sentences(growth):
    growth.of_time(
        "Language distances, time",
        "sentences",
        lambda sentences: _distances_of(random_embeddings(4, sentences)),
        [1000, 2000, 4000, 8000],
    )


def _distances_of(embeddings: np.ndarray):
    return lambda: pair_distances(embeddings)

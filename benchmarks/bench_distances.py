"""Language distances (paper, section 4)."""

from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from workflow_scripts.lib.distances import pair_distances


@pytest.fixture(scope="module")
def embeddings() -> np.ndarray:
    """Of six languages, float32 [languages, sentences, d]."""
    return np.random.default_rng(0).standard_normal((6, 1012, 1024), dtype=np.float32)


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
        unit="pair of languages",
    )

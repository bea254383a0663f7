"""Retrieval against loops one can read: who is nearest, ties, margins, blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workflow_scripts.lib import retrieval
from workflow_scripts.lib.retrieval import pairwise_top1_accuracy, top1_accuracy

SIMILARITIES = ["inner_product", "cosine", "centred_cosine", "margin"]


def cos(x, y):
    return x @ y / np.linalg.norm(x) / np.linalg.norm(y)


def by_loops(queries, candidates, gold, score):
    right = 0.0
    for query, wanted in zip(queries, gold, strict=True):
        scores = [score(query, candidate) for candidate in candidates]
        best = max(scores)
        ties = [index for index, value in enumerate(scores) if np.isclose(value, best, rtol=1e-6, atol=1e-9)]
        right += (wanted in ties) / len(ties)
    return right / len(queries)


def margin(queries, candidates):
    """Artetxe & Schwenk 2019, equation 2, with four neighbours."""

    def nearest(vector, others):
        return sum(sorted((cos(vector, other) for other in others), reverse=True)[:4]) / (2 * min(4, len(others)))

    return lambda x, y: cos(x, y) / (nearest(x, candidates) + nearest(y, queries))


def aligned(seed, count=40, d=6, noise=0.6, extra=0):
    draw = np.random.default_rng(seed)
    queries = draw.normal(0.5, 1, (count, d))
    candidates = np.concatenate([queries + draw.normal(0, noise, (count, d)), draw.normal(0.5, 1, (extra, d))])
    order = draw.permutation(len(candidates))
    return queries, candidates[order], np.argsort(order)[:count]


@pytest.mark.parametrize("extra", [0, 25])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_the_nearest_candidate_is_the_one_that_a_loop_finds(similarity, extra):
    queries, candidates, gold = aligned(3, extra=extra)
    mean = np.concatenate([queries, candidates]).mean(axis=0)
    expected = {
        "inner_product": lambda: by_loops(queries, candidates, gold, np.dot),
        "cosine": lambda: by_loops(queries, candidates, gold, cos),
        "centred_cosine": lambda: by_loops(queries - mean, candidates - mean, gold, cos),
        "margin": lambda: by_loops(queries, candidates, gold, margin(queries, candidates)),
    }[similarity]()
    assert 0.1 < expected < 1
    assert top1_accuracy(queries, candidates, gold, similarity) == pytest.approx(expected)


def test_a_long_vector_draws_inner_products_and_no_cosine():
    queries, candidates, gold = aligned(3)
    before = {name: top1_accuracy(queries, candidates, gold, name) for name in ("inner_product", "cosine")}
    candidates[0] *= 50
    assert top1_accuracy(queries, candidates, gold, "inner_product") < before["inner_product"] / 2
    assert top1_accuracy(queries, candidates, gold, "cosine") == before["cosine"]


@settings(deadline=None, max_examples=60)
@given(arrays(np.int8, (6, 2), elements=st.integers(1, 3)), arrays(np.int8, (6, 2), elements=st.integers(1, 3)))
def test_ties_count_as_a_fair_draw(queries, candidates):
    """Small integers, whose products are exact, tie often."""
    queries, candidates, gold = queries.astype(float), candidates.astype(float), np.arange(6)
    expected = by_loops(queries, candidates, gold, np.dot)
    assert top1_accuracy(queries, candidates, gold, "inner_product") == pytest.approx(expected)


@pytest.mark.parametrize("similarity", ["inner_product", "cosine"])
def test_constant_embeddings_score_chance(similarity):
    same = np.full((10, 4), 2.0)
    assert top1_accuracy(same, same, np.arange(10), similarity) == pytest.approx(0.1)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("block_bytes", [1, 4 * 40 * 7, retrieval.BLOCK_BYTES])
def test_every_pair_of_languages_in_both_directions(similarity, block_bytes, monkeypatch):
    draw = np.random.default_rng(1)
    shared = draw.normal(0.4, 1, (40, 6))
    space = np.stack([shared + draw.normal(0, noise, (40, 6)) for noise in (0.3, 0.6, 0.9)]).astype(np.float32)
    if similarity == "centred_cosine":
        centred = space - space.mean(axis=(0, 1), dtype=float)
        expected = [[top1_accuracy(q, c, np.arange(40), "cosine") for c in centred] for q in centred]
    else:
        expected = [[top1_accuracy(q, c, np.arange(40), similarity) for c in space] for q in space]
    monkeypatch.setattr(retrieval, "BLOCK_BYTES", block_bytes)
    found = pairwise_top1_accuracy(space, similarity)
    assert np.isnan(np.diag(found)).all()
    others = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(found[others], np.array(expected)[others])
    assert found[0, 1] != found[1, 0] or found[0, 2] != found[2, 0]

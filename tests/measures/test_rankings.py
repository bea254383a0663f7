"""Ranks and hubness against loops over queries, candidates and the orders that ties may take."""

from itertools import pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial.distance import cdist

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.definitions import rankings
from workflow_scripts.measures.measure_space import rank_measures
from workflow_scripts.measures.scores import Scores, scores_of

# Few different scores, so that there are ties.
SQUARES = st.integers(1, 5).flatmap(lambda n: arrays(np.float32, (n, n), elements=st.integers(0, 3)))
TABLES = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.integers(0, 2))
)


def orders(scores):
    """All orders, best first, in which a query's candidates may come."""
    every = permutations(range(len(scores)))
    return [order for order in every if all(scores[a] >= scores[b] for a, b in pairwise(order))]


@given(SQUARES)
def test_ranks_are_means_over_all_orders_of_ties(scores):
    ranks = [[order.index(query) + 1 for order in orders(row)] for query, row in enumerate(scores)]
    expected = (
        np.mean([np.mean([rank == 1 for rank in of_query]) for of_query in ranks]),
        np.mean([np.mean([1 / rank for rank in of_query]) for of_query in ranks]),
        np.mean([np.mean(of_query) for of_query in ranks]),
    )
    found = Scores(scores.astype(float))
    measures = (rankings.accuracy, rankings.reciprocal_rank, rankings.mean_rank)
    assert [measure(found) for measure in measures] == pytest.approx(expected)


@given(TABLES, st.integers(1, 5))
def test_k_occurrence_counts_the_best_of_every_query(scores, k):
    expected = np.zeros(scores.shape[1])
    for row in scores:
        ways = orders(row)
        for order in ways:
            for candidate in order[:k]:
                expected[candidate] += 1 / len(ways)
    np.testing.assert_allclose(rankings.k_occurrence(Scores(scores.astype(float)), k), expected)


@given(TABLES)
def test_never_retrieved_is_the_mean_over_all_draws_among_the_best(scores):
    best = [np.flatnonzero(row == row.max()) for row in scores]
    shares = [1 - len(set(drawn)) / scores.shape[1] for drawn in product(*best)]
    assert rankings.never_retrieved(Scores(scores.astype(float))) == pytest.approx(np.mean(shares))


def test_skewness_is_scipys_and_undefined_where_all_is_constant():
    values = np.random.default_rng(0).exponential(size=50)
    assert rankings.skewness(values) == pytest.approx(stats.skew(values))
    assert np.isnan(rankings.skewness(np.full(7, 0.1)))


@given(SQUARES)
def test_mexa_counts_the_translations_that_are_nearer_than_every_other_pair_of_their_row_and_column(scores):
    count = len(scores)
    nearest = 0
    for sentence in range(count):
        others = [other for other in range(count) if other != sentence]
        row, column = scores[sentence, others].tolist(), scores[others, sentence].tolist()
        nearest += all(scores[sentence, sentence] > score for score in row + column)
    assert rankings.mexa(Scores(scores.astype(float))) == pytest.approx(nearest / count)


@pytest.mark.parametrize("count", [3, 30])
def test_margin_and_csls_against_loops(count):
    queries, candidates = np.random.default_rng(0).normal(0.5, 1, (2, count, 6))
    scores = scores_of(queries, candidates, ["cosine", "margin", "csls"])
    cosines, ratio, scaled = (scores[name].values for name in ("cosine", "margin", "csls"))
    np.testing.assert_allclose(cosines, 1 - cdist(queries, candidates, "cosine"), atol=1e-12)
    for query, candidate in product(range(count), repeat=2):
        forth, back = sorted(cosines[query])[::-1], sorted(cosines[:, candidate])[::-1]
        near = np.mean(forth[:4]), np.mean(back[:4])
        assert ratio[query, candidate] == pytest.approx(cosines[query, candidate] / np.mean(near), rel=1e-12)
        near = np.mean(forth[:10]), np.mean(back[:10])
        assert scaled[query, candidate] == pytest.approx(2 * cosines[query, candidate] - sum(near), abs=1e-12)


def space(languages=3, sentences=40, d=6, noise=0.7):
    draw = np.random.default_rng(1)
    shared = draw.normal(0.4, 1, (sentences, d))
    return (shared + noise * draw.normal(size=(languages, sentences, d))).astype(np.float32)


def searches(embeddings):
    return rank_measures(embeddings, "none", [])[0]


def test_every_pair_of_languages_in_both_directions():
    embeddings = space()
    found = searches(embeddings)
    units = embeddings / np.linalg.norm(embeddings, axis=-1, keepdims=True)
    for one, other in product(range(3), repeat=2):
        if one == other:
            assert all(np.isnan(matrix[one, other]) for matrix in found.values())
            continue
        cosines = units[one] @ units[other].T
        ranks = [int((row > row[query]).sum()) + 1 for query, row in enumerate(cosines)]
        assert found["cosine_accuracy"][one, other] == pytest.approx(np.mean([rank == 1 for rank in ranks]))
        assert found["cosine_reciprocal_rank"][one, other] == pytest.approx(np.mean([1 / rank for rank in ranks]))
        assert found["cosine_mean_rank"][one, other] == pytest.approx(np.mean(ranks))
        occurrence = np.zeros(40)
        for row in cosines:
            occurrence[np.argsort(row)[-10:]] += 1
        assert found["hubness"][one, other] == pytest.approx(stats.skew(occurrence))
        retrieved = {int(row.argmax()) for row in cosines}
        assert found["never_retrieved"][one, other] == pytest.approx(1 - len(retrieved) / 40)
        both = [cosines[i].argmax() == i == cosines[:, i].argmax() for i in range(40)]
        assert found["mexa"][one, other] == found["mexa"][other, one] == pytest.approx(np.mean(both))
    assert found["cosine_mean_rank"][0, 1] != found["cosine_mean_rank"][1, 0]


def test_other_scores_than_cosines_rank_in_the_space_as_it_is_alone():
    every, some = searches(space()), rank_measures(space(), "language", [])[0]
    assert set(some) == {name for name in every if not name.startswith(("margin", "csls"))} < set(every)
    for name, matrix in some.items():
        np.testing.assert_array_equal(matrix, every[name])


def test_a_space_that_collapsed_to_a_point_scores_chance():
    found = searches(np.ones((2, 8, 3), dtype=np.float32))
    assert found["cosine_accuracy"][0, 1] == pytest.approx(1 / 8)
    assert found["cosine_mean_rank"][0, 1] == pytest.approx(4.5)
    assert np.isnan(found["hubness"][0, 1])
    assert found["never_retrieved"][0, 1] == pytest.approx((7 / 8) ** 8)


def test_an_embedding_of_zero_is_refused():
    embeddings = space()
    embeddings[1, 3] = 0
    with pytest.raises(StudyError, match="is zero"):
        searches(embeddings)

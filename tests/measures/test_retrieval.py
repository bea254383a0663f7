"""Retrieval against loops one can read: who is nearest, ties, margins, blocks, candidates that stay on disk."""

import h5py
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures import retrieval
from workflow_scripts.measures.retrieval import (
    pairwise_top1_accuracies,
    pairwise_top1_accuracy,
    top1_accuracies,
    top1_accuracy,
)

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

    of_queries = {query.tobytes(): nearest(query, candidates) for query in queries}
    of_candidates = {candidate.tobytes(): nearest(candidate, queries) for candidate in candidates}
    return lambda x, y: cos(x, y) / (of_queries[x.tobytes()] + of_candidates[y.tobytes()])


def reference(queries, candidates, gold, similarity):
    """Top-1 accuracy by loops over queries and candidates."""
    if similarity == "centred_cosine":
        mean = np.concatenate([queries, candidates]).mean(axis=0)
        return by_loops(queries - mean, candidates - mean, gold, cos)
    score = {"inner_product": np.dot, "cosine": cos, "margin": margin(queries, candidates)}[similarity]
    return by_loops(queries, candidates, gold, score)


def aligned(seed, count=40, d=6, noise=0.6, extra=0):
    """Queries, more candidates in another order, and where the right ones are; some candidates are there twice."""
    draw = np.random.default_rng(seed)
    queries = draw.normal(0.5, 1, (count, d))
    candidates = np.concatenate([queries + draw.normal(0, noise, (count, d)), draw.normal(0.5, 1, (extra, d))])
    candidates[-extra // 2 :] = candidates[: extra - extra // 2] if extra else candidates[-extra // 2 :]
    order = draw.permutation(len(candidates))
    return queries, candidates[order], np.argsort(order)[:count]


@pytest.fixture(params=["array", "file"])
def stored(request, tmp_path):
    """Makes of an array what a stage passes: the array, or a data set of an open HDF5 file."""
    if request.param == "array":
        yield lambda values: values
        return
    with h5py.File(tmp_path / "candidates.h5", "w") as file:
        yield lambda values: file.create_dataset("candidates", data=values, chunks=(3, values.shape[1]))


@pytest.mark.parametrize("rows", [1, 7, retrieval.BLOCK_ROWS])
@pytest.mark.parametrize("extra", [0, 25])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_the_nearest_candidate_is_the_one_that_a_loop_finds(similarity, extra, rows, stored, monkeypatch):
    queries, candidates, gold = aligned(3, extra=extra)
    expected = reference(queries, candidates, gold, similarity)
    assert 0.1 < expected < 1
    monkeypatch.setattr(retrieval, "BLOCK_ROWS", rows)
    assert top1_accuracy(queries, stored(candidates), gold, similarity) == pytest.approx(expected)


def test_a_long_vector_draws_inner_products_and_no_cosine():
    queries, candidates, gold = aligned(3)
    before = {name: top1_accuracy(queries, candidates, gold, name) for name in ("inner_product", "cosine")}
    candidates[0] *= 50
    assert top1_accuracy(queries, candidates, gold, "inner_product") < before["inner_product"] / 2
    assert top1_accuracy(queries, candidates, gold, "cosine") == before["cosine"]


@given(
    arrays(np.int8, (6, 2), elements=st.integers(-3, 3)),
    arrays(np.int8, (6, 2), elements=st.integers(-3, 3)),
    st.integers(1, 6),
)
def test_ties_count_as_a_fair_draw(queries, candidates, rows):
    """Small integers, whose products are exact, tie often."""
    queries, candidates, gold = queries.astype(float), candidates.astype(float), np.arange(6)
    expected = by_loops(queries, candidates, gold, np.dot)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "BLOCK_ROWS", rows)
        assert top1_accuracy(queries, candidates, gold, "inner_product") == pytest.approx(expected)


@given(
    seed=st.integers(0, 2**32 - 1),
    which=st.lists(st.integers(0, 5), min_size=3, max_size=40),
    rows=st.integers(1, 41),
    similarity=st.sampled_from(SIMILARITIES),
)
@example(seed=0, which=[0, 1] * 20, rows=41, similarity="cosine")
@example(seed=0, which=[0, 1] * 20, rows=7, similarity="margin")
def test_equal_candidates_tie_wherever_they_stand(seed, which, rows, similarity):
    """Six vectors of which there are many copies: products of long vectors round differently from place to place."""
    draw = np.random.default_rng(seed)
    meanings = draw.normal(0.2, 1, (6, 333))
    candidates = meanings[which].astype(np.float32)
    queries = (meanings + draw.normal(0, 1, meanings.shape))[which].astype(np.float32)
    gold = np.arange(len(which))
    expected = reference(queries.astype(float), candidates.astype(float), gold, similarity)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "BLOCK_ROWS", rows)
        assert top1_accuracy(queries, candidates, gold, similarity) == pytest.approx(expected)
        if similarity != "centred_cosine":
            assert pairwise_top1_accuracy(np.stack([queries, candidates]), similarity)[0, 1] == pytest.approx(expected)


def test_a_zero_is_equal_to_a_negative_zero(monkeypatch):
    """The first and the last candidate are equal; alone in its block, the last one's product rounds differently."""
    draw = np.random.default_rng(0)
    candidates = draw.normal(size=(42, 333)).astype(np.float32)
    candidates[-1] = candidates[0]
    candidates[[0, -1], 7] = 0.0, -0.0
    queries = (candidates[0] + draw.normal(0, 0.1, (50, 333))).astype(np.float32)
    monkeypatch.setattr(retrieval, "BLOCK_ROWS", 41)
    assert top1_accuracy(queries, candidates, np.zeros(50, dtype=int), "inner_product") == 0.5


@given(
    seed=st.integers(0, 2**32 - 1),
    which=st.lists(st.integers(0, 5), min_size=3, max_size=40),
    exponents=st.lists(st.integers(-9, 9), min_size=40, max_size=40),
    rows=st.integers(1, 41),
    in_memory=st.booleans(),
)
@example(seed=0, which=[0, 1] * 20, exponents=[0, 1, 2, 3] * 10, rows=41, in_memory=True)
@example(seed=0, which=[0, 1] * 20, exponents=[0, 1, 2, 3] * 10, rows=7, in_memory=False)
def test_candidates_of_one_direction_tie_by_cosine_and_not_by_inner_product(seed, which, exponents, rows, in_memory):
    """Copies of six vectors, some times a power of two, which leaves their directions what they are."""
    draw = np.random.default_rng(seed)
    meanings = draw.normal(0.2, 1, (6, 333)).astype(np.float32)
    candidates = meanings[which] * np.float32(2) ** np.array(exponents[: len(which)], dtype=np.float32)[:, None]
    queries = (meanings + draw.normal(0, 1, meanings.shape))[which].astype(np.float32)
    gold = np.arange(len(which))
    similarities = ["inner_product", "cosine", "margin"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "BLOCK_ROWS", rows)
        if in_memory:
            pairwise = pairwise_top1_accuracies(np.stack([queries, candidates]), similarities)
            found = {similarity: matrix[0, 1] for similarity, matrix in pairwise.items()}
        else:
            found = top1_accuracies(queries, candidates, gold, similarities)
    exact = queries.astype(float), candidates.astype(float)
    for similarity in ("inner_product", "cosine"):
        assert found[similarity] == pytest.approx(reference(*exact, gold, similarity))
    # A neighbour of a direction is the same whatever its length, so the margin is that of the unscaled copies.
    assert found["margin"] == pytest.approx(reference(exact[0], meanings[which].astype(float), gold, "margin"))


@pytest.mark.parametrize("similarity", ["inner_product", "cosine", "margin"])
def test_a_vector_too_long_for_products_in_float32_is_refused(similarity):
    queries, candidates, gold = aligned(3)
    queries[7] *= 1e30
    with pytest.raises(StudyError, match=r"embedding in row 7 has length .*e\+30: its products would exceed float32"):
        top1_accuracy(queries, candidates, gold, similarity)


def test_a_short_query_has_inner_products_and_no_cosines():
    queries, candidates, gold = aligned(3)
    before = top1_accuracy(queries, candidates, gold, "inner_product")
    queries[7] *= 2.0**-80
    assert top1_accuracy(queries, candidates, gold, "inner_product") == before
    with pytest.raises(StudyError, match=r"embedding in row 7 has length .*e-2\d: it has no direction"):
        top1_accuracy(queries, candidates, gold, "cosine")


@pytest.mark.parametrize("rows", [7, retrieval.BLOCK_ROWS])
def test_similarities_asked_for_together_are_those_asked_for_one_by_one(rows, stored, monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK_ROWS", rows)
    queries, candidates, gold = aligned(3, extra=25)
    candidates = stored(candidates)
    together = top1_accuracies(queries, candidates, gold, SIMILARITIES)
    assert together == {name: top1_accuracy(queries, candidates, gold, name) for name in SIMILARITIES}
    assert len(set(together.values())) > 2
    space = np.stack([queries, queries[::-1] + 0.1, candidates[: len(queries)]])
    together = pairwise_top1_accuracies(space, SIMILARITIES)
    assert set(together) == set(SIMILARITIES)
    for similarity, matrix in together.items():
        np.testing.assert_array_equal(matrix, pairwise_top1_accuracy(space, similarity))


@pytest.mark.parametrize("rows", [1, 3, retrieval.BLOCK_ROWS])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_constant_embeddings_score_chance(similarity, rows, stored, monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK_ROWS", rows)
    same = np.tile(np.linspace(0.1, 1, 37, dtype=np.float32), (10, 1))
    others = np.ones_like(same) if similarity == "centred_cosine" else same
    assert top1_accuracy(others, stored(same), np.arange(10), similarity) == pytest.approx(0.1)
    expected = [[np.nan, 0.1], [0.1, np.nan]]
    np.testing.assert_allclose(pairwise_top1_accuracy(np.stack([others, same]), similarity), expected)


def test_a_vector_without_direction_is_refused():
    same = np.full((10, 4), 2.0)
    with pytest.raises(StudyError, match=r"embedding in row 0 has length 0: it has no direction"):
        top1_accuracy(same, same, np.arange(10), "centred_cosine")


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("rows", [1, 7, retrieval.BLOCK_ROWS])
def test_every_pair_of_languages_in_both_directions(similarity, rows, monkeypatch):
    draw = np.random.default_rng(1)
    shared = draw.normal(0.4, 1, (30, 6))
    space = np.stack([shared + draw.normal(0, noise, (30, 6)) for noise in (0.3, 0.6, 0.9)])
    score, gold = similarity, np.arange(30)
    compared = space
    if similarity == "centred_cosine":
        score, compared = "cosine", space - space.mean(axis=(0, 1))
    expected = np.array(
        [[reference(queries, candidates, gold, score) for candidates in compared] for queries in compared]
    )
    np.fill_diagonal(expected, np.nan)
    monkeypatch.setattr(retrieval, "BLOCK_ROWS", rows)
    found = pairwise_top1_accuracy(space.astype(np.float32), similarity)
    np.testing.assert_allclose(found, expected)
    assert found[0, 1] != found[1, 0] or found[0, 2] != found[2, 0]


class Watched:
    """Candidates that note how many of their rows are asked for at a time, and how often each is."""

    def __init__(self, values):
        self.values, self.shape = values, values.shape
        self.largest, self.reads = 0, np.zeros(len(values), dtype=int)

    def __getitem__(self, rows):
        self.largest = max(self.largest, len(self.values[rows]))
        self.reads[rows] += 1
        return self.values[rows]


@pytest.mark.parametrize(
    ("similarities", "passes"),
    [(["inner_product", "cosine"], 2), (["centred_cosine"], 3), (["margin"], 3), (SIMILARITIES, 6)],
)
def test_candidates_are_read_a_few_times_and_never_whole(similarities, passes, monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK_BYTES", 8 * 6 * 11)
    queries, candidates, gold = aligned(3, extra=25)
    watched = Watched(candidates)
    top1_accuracies(queries, watched, gold, similarities)
    assert watched.largest == 11
    assert (watched.reads == passes).all()

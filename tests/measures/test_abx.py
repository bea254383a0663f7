"""ABX scores against triple loops and ranks, with ties."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.definitions import abx
from workflow_scripts.measures.definitions.abx import abx_scores, symmetrised


def discriminated(a, b, x):
    """Of one triple; cosine distances that differ by no more than rounding are a tie."""
    a, b, x = (side / np.linalg.norm(side) for side in (a, b, x))
    to_a, to_b = 1 - a @ x, 1 - b @ x
    return 0.5 if np.isclose(to_a, to_b, rtol=0, atol=1e-14) else float(to_a < to_b)


def by_loops(space, task):
    """Scores [languages, languages] by loops over pairs of languages and over triples."""
    space = space.astype(np.float64)
    languages, sentences, _ = space.shape
    scores = np.full((languages, languages), np.nan)
    for one, other in permutations(range(languages), 2):
        if task == "language":
            triples = [(space[one, i], space[other, i], space[one, j]) for i, j in permutations(range(sentences), 2)]
        else:
            triples = [(space[one, i], space[one, j], space[other, i]) for i, j in permutations(range(sentences), 2)]
        scores[one, other] = np.mean([discriminated(*triple) for triple in triples])
    return scores


def aligned(seed=0, languages=3, sentences=9, d=5, of_language=0.5, noise=0.7):
    """Sentences that are the sum of their meaning, their language and noise."""
    draw = np.random.default_rng(seed)
    meaning = draw.normal(size=(sentences, d))
    shift = draw.normal(0, of_language, (languages, 1, d))
    return (meaning + shift + draw.normal(0, noise, (languages, sentences, d))).astype(np.float32)


@pytest.mark.parametrize("task", abx.TASKS)
@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_of_loops_over_triples(task, seed):
    space = aligned(seed)
    expected = by_loops(space, task)
    np.testing.assert_allclose(abx_scores(space)[task], expected, rtol=0, atol=1e-15)
    assert not np.allclose(expected, expected.T, equal_nan=True)  # so that the order of a pair is tested


# Small whole numbers tie often: equal vectors, parallel ones, and different ones at the same angle.
TIED = arrays(np.float32, st.tuples(st.just(3), st.integers(2, 6), st.just(2)), elements=st.sampled_from([-1, 0, 1, 2]))


@given(TIED)
@example(np.ones((3, 4, 2), dtype=np.float32))
def test_ties_count_half(space):
    space = np.where(np.abs(space).sum(axis=-1, keepdims=True) == 0, np.float32(1), space)
    for task, scores in abx_scores(space).items():
        np.testing.assert_allclose(scores, by_loops(space, task), rtol=0, atol=1e-15)


@pytest.mark.parametrize("d", [3, 64, 3000])
def test_equal_and_parallel_sentences_tie_whatever_rounding_makes_of_them(d):
    """A language that is a copy of another, scaled by a number that is no power of two."""
    space = np.round(aligned(d=d, sentences=30) * 256) / np.float32(256)  # three times as much is a float32, too
    space[1] = space[0] * np.float32(3)
    assert abx_scores(space)["language"][0, 1] == abx_scores(space)["language"][1, 0] == 0.5
    space[1:] = space[:1]
    scores = abx_scores(space)
    assert set(scores["language"][~np.eye(3, dtype=bool)]) == {0.5}
    assert set(scores["meaning"][~np.eye(3, dtype=bool)]) == {1}  # A and X are the same vector


def test_a_space_that_is_far_from_the_origin_is_discriminated_beyond_float32():
    """Cosines that differ by less than float32 can tell, as after an intervention that pulls sentences together."""
    draw = np.random.default_rng(1)
    meaning = draw.normal(0, 2.0**-10, (8, 4))
    space = (np.array([1.0, 1, 1, 1]) + meaning + draw.normal(0, 2.0**-14, (2, 8, 4))).astype(np.float32)
    units = space / np.linalg.norm(space, axis=-1, keepdims=True)
    assert len(np.unique(units[0] @ units[1].T)) < 64 / 2  # in float32 most tie
    for task, scores in abx_scores(space).items():
        np.testing.assert_allclose(scores, by_loops(space, task), rtol=0, atol=1e-15)
    assert abx_scores(space)["meaning"][0, 1] > 0.9


def test_meaning_follows_from_the_mean_rank_of_translations():
    space = aligned(sentences=40).astype(np.float64)
    units = space / np.linalg.norm(space, axis=-1, keepdims=True)
    distances = 1 - units[0] @ units[2].T  # candidates of language 0 in the rows, queries of language 2 in the columns
    midranks = np.diag(stats.rankdata(distances, axis=0))
    assert abx_scores(space)["meaning"][0, 2] == pytest.approx(((40 - midranks) / 39).mean(), abs=1e-14)


def test_blocks_change_nothing(monkeypatch):
    space = aligned(sentences=23, languages=4)
    space[1, :7] = space[0, :7]
    whole = abx_scores(space)
    monkeypatch.setattr(abx, "BLOCK_BYTES", 8 * 4 * 23 * 5)  # five rows at a time
    for task, scores in abx_scores(space).items():
        np.testing.assert_array_equal(scores, whole[task])


def test_scores_of_spaces_of_form_alone_and_of_meaning_alone():
    form = aligned(of_language=50, noise=0.5, sentences=30)
    assert np.nanmin(abx_scores(form)["language"]) > 0.99
    meaning = aligned(of_language=0, noise=0.01, d=20, sentences=30)
    assert np.nanmin(abx_scores(meaning)["meaning"]) > 0.99
    assert np.nanmax(np.abs(abx_scores(meaning)["language"] - 0.5)) < 0.1
    unrelated = np.random.default_rng(0).normal(size=(3, 80, 20))
    for scores in abx_scores(unrelated).values():
        assert np.nanmax(np.abs(scores - 0.5)) < 0.1  # chance


def test_the_order_of_languages_and_sentences_and_the_lengths_of_vectors_do_not_matter():
    space = aligned(languages=4, sentences=12)
    draw = np.random.default_rng(5)
    order, rows = draw.permutation(4), draw.permutation(12)
    other = space[order][:, rows] * draw.uniform(0.5, 3, (4, 12, 1))
    for task, scores in abx_scores(space).items():
        np.testing.assert_allclose(abx_scores(other)[task], scores[np.ix_(order, order)], atol=1e-15)


def test_one_sentence_makes_no_triple():
    for scores in abx_scores(aligned(sentences=1)).values():
        assert np.isnan(scores).all()


def test_a_zero_embedding_is_refused():
    space = aligned()
    space[1, 2] = 0
    with pytest.raises(StudyError, match="is zero"):
        abx_scores(space)


def test_symmetrised_scores_are_the_means_of_both_orders():
    scores = abx_scores(aligned())["language"]
    assert symmetrised(scores)[0, 2] == symmetrised(scores)[2, 0] == (scores[0, 2] + scores[2, 0]) / 2

"""Correlations over pairs of languages, against scipy and a loop over resamples that one can read."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from workflow_scripts.config.sections import Resampling
from workflow_scripts.kinship import pair_correlations
from workflow_scripts.kinship.pair_correlations import correlate_pairs, midranks


def matrices(count: int, languages: int, seed: int, levels: int | None = None) -> np.ndarray:
    """Random ones; of few levels, so that values tie."""
    generator = np.random.default_rng(seed)
    size = (count, languages, languages)
    return generator.random(size) if levels is None else generator.integers(0, levels, size).astype(float)


def listed(matrix: np.ndarray, other: np.ndarray, languages: list[int]) -> tuple[list[float], list[float]]:
    """Values of both matrices of all ordered pairs of the languages drawn, but of a language with itself."""
    drawn = [(one, two) for one, two in permutations(languages, 2) if one != two]
    known = [pair for pair in drawn if np.isfinite(matrix[pair]) and np.isfinite(other[pair])]
    return [matrix[pair] for pair in known], [other[pair] for pair in known]


@pytest.mark.parametrize("levels", [None, 4])
def test_coefficients_are_scipys(levels):
    first, second = matrices(2, 7, 0, levels), matrices(3, 7, 1, levels)
    found = correlate_pairs(first, second, Resampling(resamples=100))
    for row, one in enumerate(first):
        for column, other in enumerate(second):
            x, y = listed(one, other, list(range(7)))
            assert found.values[0, row, column] == pytest.approx(stats.pearsonr(x, y).statistic)
            assert found.values[1, row, column] == pytest.approx(stats.spearmanr(x, y).statistic)
    assert (found.pairs == 42).all()
    assert (found.languages == 7).all()


@pytest.mark.parametrize("levels", [None, 3])
def test_intervals_are_those_of_resampled_languages(levels, monkeypatch):
    monkeypatch.setattr(pair_correlations, "BLOCK", 200)  # so that there are several
    first, second = matrices(1, 6, 2, levels), matrices(2, 6, 3, levels)
    found = correlate_pairs(first, second, Resampling(resamples=150, confidence=0.9, seed=4))
    # As scipy draws them.
    draws = np.random.default_rng(4).integers(0, 6, (150, 6))
    for column, other in enumerate(second):
        for number, correlate in enumerate([stats.pearsonr, stats.spearmanr]):
            drawn = []
            for languages in draws:
                x, y = listed(first[0], other, list(languages))
                if x and np.ptp(x) > 0 and np.ptp(y) > 0:
                    drawn.append(correlate(x, y).statistic)
            low, high = np.quantile(drawn, [0.05, 0.95])
            assert found.low[number, 0, column] == pytest.approx(low)
            assert found.high[number, 0, column] == pytest.approx(high)
            assert found.resamples[number, 0, column] == len(drawn)


def test_midranks_count_a_value_as_often_as_its_weight_says():
    values = np.array([3.0, 1.0, 1.0, 2.0, 3.0])
    weights = np.array([[1.0, 2.0, 1.0, 0.0, 3.0], [1, 1, 1, 1, 1]])
    for ranks, counts in zip(midranks(values, weights), weights.astype(int), strict=True):
        repeated = np.repeat(values, counts)
        np.testing.assert_allclose(np.repeat(ranks, counts), stats.rankdata(repeated))


def test_pairs_that_one_side_does_not_know_are_left_out():
    first, second = matrices(2, 6, 5), matrices(2, 6, 6)
    first[1, 2, :] = first[1, :, 2] = np.nan  # a language without similarities
    second[1, 0, 1] = np.nan
    found = correlate_pairs(first, second, Resampling(resamples=100))
    for row, column in np.ndindex(2, 2):
        x, y = listed(first[row], second[column], list(range(6)))
        assert found.values[0, row, column] == pytest.approx(stats.pearsonr(x, y).statistic)
        assert found.values[1, row, column] == pytest.approx(stats.spearmanr(x, y).statistic)
        assert found.pairs[row, column] == len(x)
    assert found.languages.tolist() == [[6, 6], [5, 5]]
    whole = correlate_pairs(first[:1], second[:1], Resampling(resamples=100))
    assert whole.low[:, 0, 0] == pytest.approx(found.low[:, 0, 0])


def test_what_is_constant_unknown_or_of_two_languages_is_undefined():
    first = np.stack([matrices(1, 5, 7)[0], np.full((5, 5), 0.3), np.full((5, 5), np.nan)])
    found = correlate_pairs(first, matrices(1, 5, 8), Resampling(resamples=100))
    assert np.isfinite(found.values[:, 0]).all()
    for of_all in (found.values, found.low, found.high):
        assert np.isnan(of_all[:, 1:]).all()
    assert found.pairs.ravel().tolist() == [20, 20, 0]
    two = correlate_pairs(matrices(1, 2, 0), matrices(1, 2, 1), Resampling(resamples=100))
    assert np.isnan(two.values).all()


def test_few_languages_have_no_interval():
    first, second = matrices(1, 5, 7), matrices(1, 5, 8)
    four = correlate_pairs(first[:, :4, :4], second[:, :4, :4], Resampling(resamples=100))
    assert np.isfinite(four.values).all()
    assert np.isnan([four.low, four.high]).all()
    assert (four.resamples == 0).all()
    assert np.isfinite(correlate_pairs(first, second, Resampling(resamples=100)).low).all()


def test_a_correlation_that_few_resamples_have_has_no_interval():
    first, second = np.zeros((1, 6, 6)), matrices(1, 6, 1)
    first[0, 2, 3] = first[0, 3, 2] = 1.0  # one pair is related: what has not drawn both is constant
    found = correlate_pairs(first, second, Resampling(resamples=400))
    assert np.isfinite(found.values).all() and (found.resamples < 300).all()
    assert np.isnan([found.low, found.high]).all()


def test_bca_intervals_are_those_of_one_statistic_at_a_time():
    first, second = matrices(2, 8, 9), matrices(2, 8, 10)
    together = correlate_pairs(first, second, Resampling(resamples=300, interval="BCa", seed=1))
    alone = correlate_pairs(first[1:], second[:1], Resampling(resamples=300, interval="BCa", seed=1))
    assert together.low[:, 1, 0] == pytest.approx(alone.low[:, 0, 0])
    assert together.high[:, 1, 0] == pytest.approx(alone.high[:, 0, 0])
    assert (together.low < together.values).all()
    assert (together.values < together.high).all()

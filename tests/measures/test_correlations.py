"""Correlations against scipy, and where they are not defined."""

import numpy as np
import pytest
from scipy import stats

from workflow_scripts.config.sections import Resampling
from workflow_scripts.measures.correlations import correlate, pearson


@pytest.fixture
def sides():
    draw = np.random.default_rng(2)
    x = draw.normal(size=12)
    return x, 0.7 * x + draw.normal(size=12)


def test_r_and_p_are_scipys(sides):
    found = correlate(*sides, Resampling(resamples=200))
    expected = stats.pearsonr(*sides)
    assert (found.r, found.p_value) == pytest.approx((expected.statistic, expected.pvalue))


def test_the_percentile_interval_is_that_of_resampled_languages(sides):
    x, y = sides
    found = correlate(x, y, Resampling(resamples=20_000, seed=1))
    draw = np.random.default_rng(99)
    rows = [draw.integers(0, 12, 12) for _ in range(5_000)]
    drawn = [stats.pearsonr(x[row], y[row]).statistic for row in rows]
    assert (found.ci_low, found.ci_high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.03)
    assert found.resamples == 20_000
    assert found == correlate(x, y, Resampling(resamples=20_000, seed=1))
    assert found != correlate(x, y, Resampling(resamples=20_000, seed=2))


def test_the_bca_interval_is_scipys(sides):
    found = correlate(*sides, Resampling(resamples=5_000, interval="BCa", seed=3))
    statistic = lambda x, y: stats.pearsonr(x, y).statistic  # noqa: E731
    rng = np.random.default_rng(3)
    expected = stats.bootstrap(
        sides, statistic, paired=True, vectorized=False, n_resamples=5_000, method="BCa", rng=rng
    ).confidence_interval
    assert (found.ci_low, found.ci_high) == pytest.approx((expected.low, expected.high), abs=0.03)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0]),
        ([0.3, 0.3 + 1e-16, 0.3], [1.0, 2.0, 3.0]),
        ([1.0, 2.0], [1.0, 3.0]),
    ],
)
def test_a_constant_side_or_two_languages_have_no_correlation(x, y):
    assert np.isnan(vars(correlate(np.array(x), np.array(y), Resampling()))["r"])
    assert correlate(np.array(y), np.array(x), Resampling()).resamples == 0


def test_a_side_that_is_constant_but_for_rounding_has_no_correlation(sides):
    same = np.full(12, 0.1)
    assert np.abs(same - same.mean()).max() > 0
    assert np.isnan([pearson(same, sides[1]), pearson(sides[0], same)]).all()


@pytest.mark.parametrize("confidence", [0.95, 0.85])
def test_no_interval_where_more_resamples_are_undefined_than_lie_outside_of_it(confidence):
    """One language of twelve differs, so that 35% of resamples lack it: what is left would tell nothing of the rest."""
    x, y = np.eye(12)[3], np.random.default_rng(0).normal(size=12)
    found = correlate(x, y, Resampling(resamples=2_000, confidence=confidence))
    assert found.r == pytest.approx(stats.pearsonr(x, y).statistic) and np.isfinite(found.p_value)
    assert found.resamples == pytest.approx(2_000 * (1 - (11 / 12) ** 12), rel=0.05)
    assert np.isnan([found.ci_low, found.ci_high]).all()
    three = correlate(np.array([1.0, 2.0, 2.5]), np.array([2.0, 1.0, 5.0]), Resampling(confidence=confidence))
    assert np.isnan(three.ci_low) == (confidence > 8 / 9)


def test_resamples_with_a_constant_side_are_left_out_and_counted():
    x, y = np.array([1.0, 2.0, 2.5]), np.array([2.0, 1.0, 5.0])
    found = correlate(x, y, Resampling(resamples=9_000, confidence=0.85))
    # Three languages: one in nine resamples is the same language three times.
    assert found.resamples == pytest.approx(8_000, rel=0.02)
    assert -1 <= found.ci_low <= found.ci_high <= 1


def test_the_bca_interval_is_that_of_the_resamples_that_are_defined():
    """Some resamples have a constant side and no r: scipy has no interval then, and here it is that of the others."""
    x, y = np.array([0.0, 0, 0, 0, 1, 2, 3]), np.array([0.3, 1.0, -0.4, 0.8, 0.9, 1.7, 0.2])
    drawn_with = Resampling(resamples=3_000, interval="BCa", seed=3)
    found = correlate(x, y, drawn_with)
    # Rounded, since resamples of each language once are the observed ones, and count half.
    difference = lambda x, y, axis: np.round(pearson(x, y, axis) - pearson(*observed), 12)  # noqa: E731
    observed = x, y
    settings = {"paired": True, "vectorized": True, "method": "BCa", "rng": np.random.default_rng(3)}
    with np.errstate(all="ignore"), pytest.warns(stats.DegenerateDataWarning):
        of_all = stats.bootstrap(observed, difference, n_resamples=3_000, **settings)
    defined = np.isfinite(of_all.bootstrap_distribution)
    assert np.isnan(of_all.confidence_interval.low) and 2_900 < defined.sum() < 3_000
    of_all.bootstrap_distribution = of_all.bootstrap_distribution[defined]
    ends = stats.bootstrap(observed, difference, n_resamples=0, bootstrap_result=of_all, **settings).confidence_interval
    assert (found.ci_low, found.ci_high) == pytest.approx(np.add(found.r, (ends.low, ends.high)), abs=1e-9)
    assert found.resamples == defined.sum()

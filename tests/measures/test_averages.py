"""Averages over languages and pairs of them, against loops over resampled languages and scipy."""

import numpy as np
import pytest
from scipy import stats

from workflow_scripts.config.sections import Resampling
from workflow_scripts.measures.averages import (
    average_over_languages,
    average_over_pairs,
    averages_over_languages,
    averages_over_pairs,
)


def pair_values(seed, languages=6):
    """Values of pairs that depend on their languages."""
    draw = np.random.default_rng(seed)
    of_language = draw.normal(size=languages)
    values = of_language[:, None] + of_language + draw.normal(0, 0.2, (languages, languages))
    np.fill_diagonal(values, np.nan)
    return values


def mean_over_pairs(values, drawn):
    """Over pairs of different languages, each as often as drawn; NaN where all are one language."""
    found = [values[one, other] for one in drawn for other in drawn if one != other]
    return np.mean(found) if found else np.nan


def test_the_average_over_pairs_and_its_interval_are_those_of_loops_over_resampled_languages():
    values = pair_values(0)
    found = average_over_pairs(values, Resampling(resamples=20_000, seed=1))
    assert found.mean == pytest.approx(np.nanmean(values))
    draw = np.random.default_rng(7)
    drawn = [mean_over_pairs(values, draw.integers(0, 6, 6)) for _ in range(4_000)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high), abs=0.05 * (high - low))
    # Pairs are no independent observations: resampling them would find far too narrow an interval.
    pairs = values[~np.eye(6, dtype=bool)]
    of_pairs = np.quantile([draw.choice(pairs, len(pairs)).mean() for _ in range(4_000)], [0.025, 0.975])
    assert found.ci_high - found.ci_low > 1.5 * np.ptp(of_pairs)


def test_each_resample_weights_pairs_by_how_often_their_languages_were_drawn():
    """With the very draws that scipy makes, exactly."""
    values = pair_values(3, languages=3)
    drawn = np.random.default_rng(4).integers(0, 3, (500, 3))
    expected = np.array([mean_over_pairs(values, rows) for rows in drawn])
    defined = expected[~np.isnan(expected)]
    assert 0 < len(defined) < 500
    found = average_over_pairs(values, Resampling(resamples=500, seed=4))
    assert found.resamples == len(defined)
    assert (found.ci_low, found.ci_high) == pytest.approx(np.quantile(defined, [0.025, 0.975]), abs=1e-12)


def test_the_bca_interval_is_scipys():
    values = pair_values(2, languages=9)
    found = average_over_pairs(values, Resampling(resamples=2_000, confidence=0.9, interval="BCa", seed=3))
    expected = stats.bootstrap(
        (np.arange(9),),
        lambda drawn: mean_over_pairs(values, drawn),
        vectorized=False,
        n_resamples=2_000,
        confidence_level=0.9,
        method="BCa",
        rng=np.random.default_rng(3),
    ).confidence_interval
    # Resamples of each language once are the observed mean but for rounding, which decides on which side they count.
    assert (found.ci_low, found.ci_high) == pytest.approx((expected.low, expected.high), abs=0.005)


def test_two_languages_have_a_mean_and_no_interval():
    found = average_over_pairs(np.array([[np.nan, 1.0], [0.5, np.nan]]), Resampling())
    assert found.mean == 0.75 and np.isnan(found.ci_low) and np.isnan(found.ci_high) and found.resamples == 0


@pytest.mark.parametrize("interval", ["percentile", "BCa"])
def test_the_average_over_languages_and_its_interval_are_scipys(interval):
    values = np.random.default_rng(5).normal(size=8)
    found = average_over_languages(values, Resampling(resamples=400, confidence=0.9, interval=interval, seed=6))
    settings = {"n_resamples": 400, "confidence_level": 0.9, "method": interval, "rng": np.random.default_rng(6)}
    expected = stats.bootstrap((values,), np.mean, **settings).confidence_interval
    assert found.mean == pytest.approx(values.mean())
    # Resamples of each language once are the observed mean but for rounding, which decides on which side they count.
    tolerance = 1e-12 if interval == "percentile" else 0.005
    assert (found.ci_low, found.ci_high) == pytest.approx((expected.low, expected.high), abs=tolerance)
    assert average_over_languages(values[:2], Resampling()).resamples == 0


@pytest.mark.parametrize("interval", ["percentile", "BCa"])
def test_many_averages_are_those_one_by_one(interval):
    resampling = Resampling(resamples=300, interval=interval, seed=2)
    matrices = np.stack([pair_values(seed) for seed in range(3)])
    for many, each, values in (
        (averages_over_pairs, average_over_pairs, matrices),
        (averages_over_languages, average_over_languages, matrices[0, :, :3].T[:, 3:]),
    ):
        for found, expected in zip(many(values, resampling), [each(row, resampling) for row in values], strict=True):
            assert (found.mean, found.ci_low, found.ci_high, found.resamples) == pytest.approx(
                (expected.mean, expected.ci_low, expected.ci_high, expected.resamples), abs=1e-12
            )

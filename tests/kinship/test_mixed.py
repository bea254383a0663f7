"""The mixed model against data made with known coefficients, least squares, and statsmodels with all three effects."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

from workflow_scripts.kinship.mixed import fit_mixed_model

COEFFICIENTS = np.array([0.05, 0.0, -0.02])


def symmetric(generator: np.random.Generator, languages: int) -> np.ndarray:
    values = generator.normal(size=(languages, languages))
    return (values + values.T) / np.sqrt(2)


def simulated(languages: int, query: float, candidate: float, pair: float, residual: float, seed: int):
    """An outcome with known coefficients of standardised similarities and standard deviations of random effects."""
    generator = np.random.default_rng(seed)
    similarities = np.stack([symmetric(generator, languages) for _ in COEFFICIENTS])
    apart = ~np.eye(languages, dtype=bool)
    scaled = [(values - values[apart].mean()) / values[apart].std() for values in similarities]
    outcome = 0.3 + np.tensordot(COEFFICIENTS, scaled, 1)
    outcome += query * generator.normal(size=(languages, 1)) + candidate * generator.normal(size=(1, languages))
    outcome += pair * symmetric(generator, languages) + residual * generator.normal(size=(languages, languages))
    return outcome, similarities, np.array(scaled)[:, apart].T


def columns(outcome: np.ndarray, predictors: np.ndarray):
    """Outcome, design and indicators of query, candidate and pair, one ordered pair a row."""
    query, candidate = np.nonzero(~np.eye(len(outcome), dtype=bool))
    pair = np.minimum(query, candidate) * len(outcome) + np.maximum(query, candidate)
    indicators = [np.equal.outer(ends, np.unique(ends)).astype(float) for ends in (query, candidate, pair)]
    return outcome[query, candidate], sm.add_constant(predictors), indicators


def test_it_finds_the_coefficients_and_deviations_that_data_were_made_with():
    outcome, similarities, _ = simulated(16, query=0.08, candidate=0.04, pair=0.03, residual=0.02, seed=6)
    found = fit_mixed_model(outcome, similarities)
    assert ((found.low < COEFFICIENTS) & (found.high > COEFFICIENTS)).all()
    assert found.coefficients == pytest.approx(COEFFICIENTS, abs=0.01)
    assert found.deviations == pytest.approx(
        {"query": 0.08, "candidate": 0.04, "pair": 0.03, "residual": 0.02}, rel=0.4
    )
    assert (found.pairs, found.languages, found.note) == (16 * 15, 16, "")


def test_intervals_hold_the_coefficients_as_often_as_they_say():
    inside = []
    for seed in range(12):
        outcome, similarities, _ = simulated(9, query=0.05, candidate=0.05, pair=0.04, residual=0.02, seed=seed)
        found = fit_mixed_model(outcome, similarities, confidence=0.8)
        inside.append((found.low < COEFFICIENTS) & (found.high > COEFFICIENTS))
    assert 0.62 <= np.mean(inside) <= 0.95  # of 36, where 0.8 is expected


def test_without_any_random_effect_it_is_least_squares():
    """Residuals opposite in the two orders of a pair and sum to nil for each language leave no effect a part."""
    _, similarities, predictors = simulated(12, query=0, candidate=0, pair=0, residual=0, seed=3)
    opposite = np.random.default_rng(4).normal(size=(12, 12))
    opposite -= opposite.T
    sums = opposite.sum(axis=1)
    opposite -= (sums[:, None] - sums) / 12
    outcome = 0.04 * opposite
    apart = ~np.eye(12, dtype=bool)
    outcome[apart] += 0.3 + predictors @ COEFFICIENTS
    y, design, _ = columns(outcome, predictors)
    expected = sm.OLS(y, design).fit()
    found = fit_mixed_model(outcome, similarities)
    assert found.coefficients == pytest.approx(COEFFICIENTS, abs=1e-7)
    assert (found.high - found.low) / 2 / 1.959964 == pytest.approx(expected.bse[1:], rel=1e-4)
    deviations = {"query": 0, "candidate": 0, "pair": 0, "residual": np.sqrt(expected.scale)}
    assert found.deviations == pytest.approx(deviations, rel=1e-4, abs=1e-5)


def test_it_is_the_model_that_statsmodels_has_with_all_three_effects():
    outcome, similarities, predictors = simulated(8, query=0.08, candidate=0.05, pair=0.04, residual=0.03, seed=5)
    y, design, indicators = columns(outcome, predictors)
    names = ["query", "candidate", "pair"]
    levels = [[[f"{name}{level}" for level in range(of.shape[1])]] for name, of in zip(names, indicators, strict=True)]
    components = VCSpec(names, levels, [[of] for of in indicators])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scale = y.std()
        expected = MixedLM(y / scale, design, np.ones(len(y)), exog_vc=components).fit(method="powell")
    found = fit_mixed_model(outcome, similarities)
    assert found.coefficients == pytest.approx(scale * expected.fe_params[1:], abs=2e-4)
    half = (found.high - found.low) / 2 / 1.959964
    assert half == pytest.approx(scale * expected.bse_fe[1:], rel=0.02)
    deviations = scale * np.sqrt([*expected.vcomp, expected.scale])
    assert list(found.deviations.values()) == pytest.approx(deviations, rel=0.03)


def test_it_has_the_highest_restricted_likelihood():
    """Against the likelihood written down as in the textbooks, and searched without statsmodels."""
    outcome, similarities, predictors = simulated(7, query=0.06, candidate=0.03, pair=0.04, residual=0.03, seed=8)
    y, design, indicators = columns(outcome, predictors)

    def loss(logarithms: np.ndarray) -> float:
        *effects, residual = np.exp(2 * logarithms)
        covariance = residual * np.eye(len(y))
        for variance, of in zip(effects, indicators, strict=True):
            covariance += variance * of @ of.T
        inverse = np.linalg.inv(covariance)
        information = design.T @ inverse @ design
        off = y - design @ np.linalg.solve(information, design.T @ inverse @ y)
        return np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(information)[1] + off @ inverse @ off

    best = minimize(loss, np.log([0.05] * 4), method="Nelder-Mead", options={"maxiter": 2000, "fatol": 1e-8})
    found = fit_mixed_model(outcome, similarities)
    assert list(found.deviations.values()) == pytest.approx(np.exp(best.x), rel=0.03)
    assert loss(np.log(list(found.deviations.values()))) == pytest.approx(best.fun, abs=1e-3)


def test_what_it_cannot_fit_it_says():
    outcome, similarities, _ = simulated(9, query=0.05, candidate=0.05, pair=0, residual=0.05, seed=1)
    few = fit_mixed_model(outcome[:4, :4], similarities[:, :4, :4])
    assert few.note == "too few languages"
    assert np.isnan(few.coefficients).all()
    assert (few.pairs, few.languages, few.deviations) == (12, 4, {})
    assert fit_mixed_model(np.full((9, 9), 0.5), similarities).note == "constant"
    assert fit_mixed_model(outcome, np.stack([*similarities, 2 * similarities[0]])).note == "similarities are collinear"
    assert fit_mixed_model(outcome, np.full((2, 9, 9), np.nan)).note == "no similarity is known"


def test_a_similarity_that_is_unknown_or_constant_is_left_out_and_a_language_too():
    outcome, similarities, _ = simulated(10, query=0.05, candidate=0.05, pair=0.02, residual=0.05, seed=2)
    unknown, constant = np.full((10, 10), np.nan), np.ones((10, 10))
    found = fit_mixed_model(outcome, np.stack([unknown, *similarities, constant]))
    alone = fit_mixed_model(outcome, similarities)
    assert found.coefficients[1:4] == pytest.approx(alone.coefficients)
    assert np.isnan(found.coefficients[[0, 4]]).all()
    similarities[0, 3] = similarities[0, :, 3] = np.nan
    without = fit_mixed_model(outcome, similarities)
    kept = [language for language in range(10) if language != 3]
    smaller = fit_mixed_model(outcome[np.ix_(kept, kept)], similarities[:, kept][:, :, kept])
    assert without.coefficients == pytest.approx(smaller.coefficients)
    assert (without.pairs, without.languages) == (72, 9)


def test_pairs_that_are_known_in_one_order_alone_are_used():
    outcome, similarities, _ = simulated(10, query=0.05, candidate=0.05, pair=0.02, residual=0.02, seed=4)
    outcome[0, 1:5] = np.nan
    found = fit_mixed_model(outcome, similarities)
    assert found.pairs == 86
    assert ((found.low < COEFFICIENTS) & (found.high > COEFFICIENTS)).all()

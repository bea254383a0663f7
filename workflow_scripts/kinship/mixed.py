"""A mixed model of what similarity of languages explains beside the languages themselves, over ordered pairs.

Every pair has a query and a candidate language, and some languages are hard or easy whatever the other one is. So query
and candidate have crossed random intercepts. Similarities are the same in both orders of a pair; a third random
intercept, of the unordered pair, keeps the two orders from counting as two independent observations of them.

statsmodels fits the first two in a tenth of a second, but all three in a minute. The third is the same as residuals of
the two orders that correlate by ρ; so for a given ρ they are made independent, and the likeliest ρ is searched for.
"""

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from statsmodels.regression.mixed_linear_model import MixedLMResults

DEVIATIONS = ("query", "candidate", "pair", "residual")  # what standard deviations are of
PAIRS_PER_COEFFICIENT = 2  # unordered pairs that there must be, at least
LARGEST = 0.99  # correlation of the two orders of a pair that is looked at
TOLERANCE = 0.005  # of that correlation


@dataclass(frozen=True)
class MixedModel:
    """Coefficients of standardised similarities in units of the outcome; NaN where left out or not found."""

    coefficients: np.ndarray  # [similarities], as are the ends of their intervals
    low: np.ndarray
    high: np.ndarray
    deviations: dict[str, float] = field(default_factory=dict)  # SD of each random intercept and of the residual
    pairs: int = 0  # ordered ones
    languages: int = 0
    note: str = ""  # why there is no model


def fit_mixed_model(outcome: np.ndarray, similarities: np.ndarray, confidence: float = 0.95) -> MixedModel:
    """Fit by restricted maximum likelihood, with Wald intervals.

    Similarities are standardised over the pairs of the model. One that is nowhere known, or constant, is left out.

    Args:
        outcome: [languages, languages], query by candidate; NaN where unknown, the diagonal is not looked at.
        similarities: [similarities, languages, languages], likewise; pairs that lack one are left out.
        confidence: Of the intervals.
    """
    known = np.isfinite(outcome) & ~np.eye(len(outcome), dtype=bool)
    some = [number for number, of_one in enumerate(similarities) if np.isfinite(of_one[known]).any()]
    known &= np.isfinite(similarities[some]).all(axis=0)
    query, candidate = np.nonzero(known)
    values = similarities[some][:, known]
    spreads = values.std(axis=1) if values.size else np.zeros(len(some))
    kept = [number for number, spread in zip(some, spreads, strict=True) if spread > 1e-9]
    predictors = [standardised(similarities[number][known]) for number in kept]
    empty = np.full(len(similarities), np.nan)
    counts = {"pairs": len(query), "languages": len(np.union1d(query, candidate))}

    def without(note: str) -> MixedModel:
        return MixedModel(empty, empty, empty, **counts, note=note)

    first, second = np.nonzero(np.triu(known & known.T))
    unordered = len(query) - len(first)
    if unordered < PAIRS_PER_COEFFICIENT * (len(kept) + 1):
        return without("too few languages")
    spread = outcome[known].std()
    if spread <= 1e-12:
        return without("constant")
    design = np.column_stack([np.ones(len(query)), *predictors])
    if not kept or np.linalg.matrix_rank(design) < design.shape[1]:
        return without("similarities are collinear" if kept else "no similarity is known")
    position = np.cumsum(known).reshape(known.shape) - 1
    data = _Data(
        outcome=outcome[known] / spread,
        design=design,
        effects=[np.eye(len(outcome))[ends][:, np.unique(ends)] for ends in (query, candidate)],
        couples=np.stack([position[first, second], position[second, first]]),
    )
    found = _fit(data, confidence)
    if found is None:
        return without("did not converge")
    estimates, deviations = found
    filled = [empty.copy() for _ in estimates]
    for values, estimate in zip(filled, estimates, strict=True):
        values[kept] = spread * estimate[1:]
    return MixedModel(*filled, {name: spread * value for name, value in deviations.items()}, **counts)


def standardised(values: np.ndarray) -> np.ndarray:
    """Return values minus their mean, in standard deviations."""
    return (values - values.mean()) / values.std()


@dataclass(frozen=True)
class _Data:
    """Observations of ordered pairs; the second order of a pair comes after the first."""

    outcome: np.ndarray  # [pairs]
    design: np.ndarray  # [pairs, fixed effects]
    effects: list[np.ndarray]  # indicators of query and candidate [pairs, levels]
    couples: np.ndarray  # [2, unordered pairs known in both orders]: positions of both

    def decorrelated(self, correlation: float) -> "_Data":
        """Return values in coordinates in which the residuals of the two orders of a pair are independent."""
        first, second = self.couples

        def transformed(values: np.ndarray) -> np.ndarray:
            values = values.astype(np.float64)
            values[second] = (values[second] - correlation * values[first]) / np.sqrt(1 - correlation**2)
            return values

        effects = [transformed(indicators) for indicators in self.effects]
        return _Data(transformed(self.outcome), transformed(self.design), effects, self.couples)


def _fit(data: _Data, confidence: float) -> tuple[list[np.ndarray], dict[str, float]] | None:
    """Fixed effects and the ends of their intervals [3, effects], and standard deviations; None without an optimum."""
    from scipy.optimize import minimize_scalar

    def loss(correlation: float) -> float:
        fitted = _fit_crossed(data.decorrelated(correlation))
        # The change of coordinates is part of the likelihood.
        return np.inf if fitted is None else 0.5 * data.couples.shape[1] * np.log(1 - correlation**2) - fitted.llf

    found = minimize_scalar(loss, bounds=(0, LARGEST), method="bounded", options={"xatol": TOLERANCE})
    correlation = 0.0 if loss(0.0) <= found.fun else float(found.x)
    fitted = _fit_crossed(data.decorrelated(correlation))
    if fitted is None:
        return None
    ends = fitted.conf_int(alpha=1 - confidence)[: data.design.shape[1]]
    if not np.isfinite(ends).all():
        return None
    variances = [*fitted.vcomp, correlation * fitted.scale, (1 - correlation) * fitted.scale]
    deviations = {name: float(np.sqrt(value)) for name, value in zip(DEVIATIONS, variances, strict=True)}
    return [fitted.fe_params, *ends.T], deviations


def _fit_crossed(data: _Data) -> "MixedLMResults | None":
    """Return the model with crossed random effects and independent residuals; None if there is no optimum."""
    from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec  # which takes two seconds

    names = list(DEVIATIONS[: len(data.effects)])
    levels = [
        [[f"{name} {level}" for level in range(indicators.shape[1])]]
        for name, indicators in zip(names, data.effects, strict=True)
    ]
    components = VCSpec(names, levels, [[indicators] for indicators in data.effects])
    # statsmodels knows crossed effects as variance components within one group that holds everything.
    model = MixedLM(data.outcome, data.design, np.ones(len(data.outcome)), exog_vc=components)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a variance of zero is a result; convergence is looked at below
            # Powell's method reaches a variance of zero, where those by gradients do not converge.
            fitted = model.fit(reml=True, method="powell")
    except (np.linalg.LinAlgError, ValueError):
        return None
    return fitted if fitted.converged else None

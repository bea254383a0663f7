"""Regressions of what is measured of models on the mixtures of languages that they were trained on."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.tables.mixtures import OUTCOMES, TrainedOnMixture

# What the mixture says, and what of it a coefficient is for.
PREDICTORS = {
    "share": "Tenfold share of the target",
    "absent": "Target never seen",
    "unevenness": "Unevenness (nats)",
}


@dataclass(frozen=True)
class Regression:
    """Coefficients with their intervals; those of predictors that do not vary are left out."""

    coefficients: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # value, low, high
    observations: int = 0
    models: int = 0
    mixture_deviation: float = np.nan  # standard deviation over mixtures of means over targets and seeds
    seed_deviation: float = np.nan  # over seeds, of one mixture and target
    note: str = ""  # why there are no coefficients


def observed(table: pd.DataFrame, outcome: str, pooling: str) -> pd.DataFrame:
    """Return the rows of an outcome with its column `value`: the change, or the value of what is no change."""
    rows = table[(table["outcome"] == outcome) & (table["pooling"] == pooling)]
    return rows.assign(value=rows["post" if OUTCOMES[outcome].single else "change"]).dropna(subset="value")


def regress(rows: pd.DataFrame, models: list[TrainedOnMixture], confidence: float) -> Regression:
    """Fit ordinary least squares with intervals that allow for models whose targets have errors in common.

    Predictors are the decimal logarithm of the target's share over an even share (0 where it has none), whether it has
    none, how uneven the mixture is, and indicators of the targets and the seeds but the first of each.

    Args:
        rows: One per model and target: model, target and value.
        models: The models, by which errors are clustered.
        confidence: Of the intervals, which are those of Student's t with one degree of freedom less than models.
    """
    if rows.empty:
        return Regression(note="not measured")
    of = {model.name: model for model in models}
    rows = rows.assign(mixture=[mixture_key(of[name]) for name in rows["model"]])
    seeds = [of[name].seed for name in rows["model"]]
    relative = np.array([of[row.model].relative_share(row.target) for row in rows.itertuples()])
    absent = relative == 0
    design = {
        "share": np.log10(np.where(absent, 1.0, relative)),
        "absent": absent.astype(float),
        "unevenness": np.array([of[name].unevenness for name in rows["model"]]),
    }
    for values, name in ((rows["target"], "target"), (seeds, "seed")):
        design |= {f"{name} {level}": np.equal(values, level).astype(float) for level in sorted(set(values))[1:]}
    design = {name: values for name, values in design.items() if np.ptp(values) > 1e-9}
    counted = {
        "observations": len(rows),
        "models": rows["model"].nunique(),
        "mixture_deviation": float(rows.groupby("mixture")["value"].mean().std()),
        "seed_deviation": float(np.sqrt(rows.groupby(["mixture", "target"])["value"].var().mean())),
    }
    matrix = np.column_stack([np.ones(len(rows)), *design.values()])
    if counted["models"] <= matrix.shape[1]:
        return Regression(**counted, note="too few models")
    if np.linalg.matrix_rank(matrix) < matrix.shape[1]:
        return Regression(**counted, note="predictors are collinear")
    import statsmodels.api  # which takes two seconds

    groups = pd.factorize(rows["model"])[0]
    with warnings.catch_warnings():
        # That a Wald test of more coefficients than clusters is none; there is no such test here.
        warnings.simplefilter("ignore")
        model = statsmodels.api.OLS(rows["value"].to_numpy(), matrix)
        fitted = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    ends = fitted.conf_int(alpha=1 - confidence)
    found = {
        name: (float(fitted.params[place]), *map(float, ends[place]))
        for place, name in enumerate(design, start=1)
        if name in PREDICTORS
    }
    return Regression(found, **counted)


def mixture_key(model: TrainedOnMixture) -> str:
    """Return what tells a mixture from others."""
    return canonical_json({language: round(share, 9) for language, share in model.shares.items()})


def mean_over_models(rows: pd.DataFrame, confidence: float) -> tuple[float, float, float]:
    """Return the mean of a value over models, of each its mean over targets, and the ends of its interval by t."""
    from scipy.stats import t

    values = rows.groupby("model")["value"].mean().to_numpy()
    if len(values) < 2:
        return float(values.mean()) if len(values) else np.nan, np.nan, np.nan
    reach = t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(values.mean() - reach), float(values.mean() + reach)

"""What the intervention is reported to change, what else would show it, and what is left beyond a constant.

An effect is a mean of a measure over pairs of languages, or over languages, and the way in which it should move.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workflow_scripts.config.sections import Resampling
from workflow_scripts.measures.averages import Average, averages_over_languages, averages_over_pairs
from workflow_scripts.measures.metric_files import grid, pre_and_post, pre_and_random, select
from workflow_scripts.measures.registry import moved_by_a_constant

CONDITION = ["model", "pooling", "target"]
# Values of an effect: the two spaces, the constant control, random neurons (the mean over draws), the centred spaces.
CENTRED = {"none": "", "all": "centred_", "language": "language_centred_"}
VALUES = [
    "pre",
    "post",
    "constant",
    "random",
    *(f"{CENTRED[name]}{side}" for name in ("all", "language") for side in ("pre", "post")),
]
# What decides whether there is a gain, and whether it survives: a difference of two of these values.
VERDICTS = {
    "gain": ("post", "pre"),
    "survives_centring": ("centred_post", "centred_pre"),
    "survives_language_centring": ("language_centred_post", "language_centred_pre"),
    "survives_constant": ("post", "constant"),
    "survives_random": ("post", "random"),
}
SURVIVES = [name for name in VERDICTS if name != "gain"]
ROUNDING = 1e-6  # of values that were made of float32


@dataclass(frozen=True)
class Effect:
    """A change that is measured."""

    name: str
    label: str
    measure: str  # in alignment.csv; of `over="paraphrase"`, the space in paraphrase.csv that is compared with `pre`
    over: str  # what is averaged, one of OVER, or paraphrase
    falls: bool = False  # whether the measure falls where languages get closer; else it rises
    decimals: int = 3

    @property
    def moves(self) -> bool:
        """Return whether a constant added to every sentence can change it."""
        return moved_by_a_constant(self.measure)

    @property
    def single(self) -> bool:
        """Return whether it is one number of each space, and no mean over languages that has an interval."""
        return self.over in ("target", "space", "paraphrase")


OVER = ("pairs", "from_target", "from_others", "target", "others", "languages", "space")
REPORTED = [
    Effect("distance_all", "Distance (all languages)", "pairs", "pairs", falls=True),
    Effect("distance_to_target", "Distance to target", "pairs", "from_target", falls=True),
    Effect("target_to_medoid", "Distance of target to medoid", "medoid", "target", falls=True),
    Effect("others_to_medoid", "Distance of others to medoid", "medoid", "others", falls=True),
    Effect("retrieval_from_target", "Retrieval, query = target", "cosine_accuracy", "from_target"),
    Effect("retrieval_all", "Retrieval, all pairs", "cosine_accuracy", "pairs"),
    Effect("paraphrase", "Paraphrase retrieval", "post", "paraphrase"),
    Effect("paraphrase_mixed", "Paraphrase retrieval, mixed", "mixed", "paraphrase", falls=True),
]
FURTHER = [
    Effect("aligned", "Distance of translations", "aligned", "pairs", falls=True),
    Effect("reciprocal_rank", "Reciprocal rank, query = target", "cosine_reciprocal_rank", "from_target"),
    Effect("mean_rank", "Mean rank, query = target", "cosine_mean_rank", "from_target", falls=True, decimals=1),
    Effect("margin", "Retrieval by margin, query = target", "margin_accuracy", "from_target"),
    Effect("csls", "Retrieval by CSLS, query = target", "csls_accuracy", "from_target"),
    Effect("whitened", "Retrieval after whitening, query = target", "whitened_accuracy", "from_target"),
    Effect("whitened_all", "Retrieval after whitening, all pairs", "whitened_accuracy", "pairs"),
    Effect("mexa", "MEXA, pivot = target", "mexa", "from_target"),
    Effect("hubness", "Hubness (skewness)", "hubness", "pairs", falls=True),
    Effect("never_retrieved", "Never retrieved", "never_retrieved", "pairs", falls=True),
    Effect("anisotropy", "Anisotropy", "anisotropy", "languages", falls=True),
    Effect("rsa", "Representational similarity", "rsa", "pairs"),
    Effect("cka", "CKA (debiased)", "cka", "pairs"),
    Effect("cka_over_shuffled", "CKA / deviation when shuffled", "cka_over_shuffled", "pairs", decimals=1),
    Effect("effective_rank", "Effective rank of a language", "effective_rank", "languages", decimals=1),
    Effect("rank_of_space", "Effective rank of the space", "effective_rank_of_space", "space", decimals=1),
    Effect("variance_by_language", "Variance by language", "variance_by_language", "space", falls=True),
    Effect("variance_by_sentence", "Variance by sentence", "variance_by_sentence", "space"),
]
EFFECTS = {effect.name: effect for effect in [*REPORTED, *FURTHER]}


def measured_effect(
    effect: Effect,
    metrics: dict[str, pd.DataFrame],
    conditions: dict[str, list[str]],
    languages: list[str],
    seeds: list[int],
    resampling: Resampling,
) -> pd.DataFrame:
    """Return an effect under every condition: the columns model, pooling, target, effect, `VALUES`, and of each of
    `VERDICTS` itself and `_low` and `_high`, the ends of the bootstrap interval over languages of the difference that
    decides it.

    `gain`: whether the value moves the way it should from pre to post. `SURVIVES`, of those that do: whether it still
    does so after centring, and by more than under the constant control and random neurons; empty where that is not
    measured. By more than chance, where there is an interval: where the effect is a mean over three languages or more.
    NaN of values that are not measured. What a constant cannot change survives it and centring by itself.

    Args:
        effect: One of `EFFECTS`.
        metrics: Metric CSVs by name, `alignment` and `paraphrase`, of base, experts and random control.
        conditions: Models, poolings and targets.
        languages: All languages of the space.
        seeds: Of the random control; none: there is none.
        resampling: How intervals are drawn.

    Raises:
        StudyError: an observation is missing.
    """
    if effect.over == "paraphrase":
        observed = _paraphrase_values(effect, metrics["paraphrase"], conditions, seeds)
    else:
        observed = _alignment_values(effect, metrics["alignment"], conditions, languages, seeds)
    if not effect.moves:
        kept = {"constant": "pre", "centred_pre": "pre", "centred_post": "post"}
        observed |= {name: observed[same] for name, same in kept.items()}
    found = grid(**conditions).assign(effect=effect.name)
    for name in VALUES:
        found[name] = observed[name].mean(axis=1) if name in observed else np.nan
    sign = -1 if effect.falls else 1
    for name, (after, before) in VERDICTS.items():
        if after not in observed or before not in observed:
            found[[name, f"{name}_low", f"{name}_high"]] = np.nan
            continue
        differences = _averages(effect.over, observed[after] - observed[before], len(languages), resampling)
        moved = pd.Series([_moved(difference, sign) for difference in differences])
        found[name] = moved.eq(1).astype(int) if name == "gain" else moved.where(found["gain"] == 1)
        found[f"{name}_low"] = [average.ci_low for average in differences]
        found[f"{name}_high"] = [average.ci_high for average in differences]
    return found


def _moved(difference: Average, sign: int) -> float:
    """Whether a value moved the way it should, 1 or 0, beyond rounding and chance; NaN where it is not known."""
    if np.isnan(difference.mean):
        return np.nan
    if np.isnan(difference.ci_low):
        return float(sign * difference.mean > ROUNDING)
    nearest = difference.ci_low if sign > 0 else -difference.ci_high
    return float(min(nearest, sign * difference.mean - ROUNDING) > 0)


def _averages(over: str, differences: np.ndarray, languages: int, resampling: Resampling) -> list[Average]:
    """Means of differences [conditions, what an effect is a mean over], with intervals where that is languages."""
    if over == "pairs":
        matrices = np.zeros((len(differences), languages, languages))
        matrices[:, ~np.eye(languages, dtype=bool)] = differences
        return averages_over_pairs(matrices, resampling)
    if over == "from_others":  # means over candidates; queries are resampled
        differences = differences.reshape(len(differences), languages - 1, languages - 1).mean(axis=2)
    return averages_over_languages(differences, resampling)


Observed = dict[str, np.ndarray]  # by the name of a value, [conditions, what an effect is a mean over]


def _alignment_values(
    effect: Effect, alignment: pd.DataFrame, conditions: dict[str, list[str]], languages: list[str], seeds: list[int]
) -> Observed:
    own = alignment[alignment["measure"] == effect.measure]
    wanted = _wanted(effect.over, conditions, languages).assign(measure=effect.measure)
    count = len(grid(**conditions))
    found: Observed = {}
    two = own[own["space"] != "constant"]
    for centring, prefix in CENTRED.items():
        if centring != "none" and not (own["centring"] == centring).any():
            continue
        values = pre_and_post(two, wanted.assign(centring=centring), "value", f"values of {effect.measure}")
        found |= {f"{prefix}{side}": values[side].to_numpy().reshape(count, -1) for side in ("pre", "post")}
    if effect.moves:
        control = wanted.assign(units="expert", space="constant", centring="none")
        values = select(own, control, f"values of {effect.measure} under the constant control")
        found["constant"] = values["value"].to_numpy().reshape(count, -1)
    if seeds:
        what = f"values of {effect.measure} under random neurons"
        values = pre_and_random(two, wanted.assign(centring="none"), "value", seeds, what)
        found["random"] = values["post"].to_numpy().reshape(count, -1)
    return found


def _wanted(over: str, conditions: dict[str, list[str]], languages: list[str]) -> pd.DataFrame:
    """The observations over which an effect is a mean: conditions with query and candidate, query alone, or neither."""
    if over == "space":
        return grid(**conditions)
    if over in ("pairs", "from_target", "from_others"):
        wanted = grid(**conditions, query=languages, candidate=languages)
        wanted = wanted[wanted["query"] != wanted["candidate"]]
    else:
        wanted = grid(**conditions, query=languages)
    of_target = wanted["query"] == wanted["target"]
    kept = {"from_target": of_target, "from_others": ~of_target, "target": of_target, "others": ~of_target}.get(over)
    return (wanted if kept is None else wanted[kept]).reset_index(drop=True)


def _paraphrase_values(
    effect: Effect, paraphrase: pd.DataFrame, conditions: dict[str, list[str]], seeds: list[int]
) -> Observed:
    """Accuracies by cosine; centred, those by centred cosine. Nothing of similarities that were not measured."""
    wanted = grid(**conditions)
    of_target = wanted.assign(language=wanted["target"])
    key = of_target.assign(units="expert")
    control = "constant_mixed" if effect.measure == "mixed" else "constant"
    columns = {
        ("cosine", "pre"): "pre",
        ("cosine", effect.measure): "post",
        ("cosine", control): "constant",
        ("centred_cosine", "pre"): "centred_pre",
        ("centred_cosine", effect.measure): "centred_post",
    }
    there = set(paraphrase["similarity"])
    values = {
        column: select(paraphrase, key.assign(similarity=similarity, space=space), "paraphrase accuracies")["accuracy"]
        for (similarity, space), column in columns.items()
        if similarity in there
    }
    draws = [
        select(
            paraphrase,
            of_target.assign(units="random", seed=float(seed), similarity="cosine", space=effect.measure),
            "paraphrase accuracies under random neurons",
        )["accuracy"].to_numpy()
        for seed in seeds
    ]
    found = {name: accuracies.to_numpy()[:, None] for name, accuracies in values.items()}
    return found | ({"random": np.mean(draws, axis=0)[:, None]} if draws else {})

"""What the intervention is reported to change, what else would show it, and what is left beyond a constant.

An effect is a mean of a measure over pairs of languages, or over languages, and the way in which it should move.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workflow_scripts.lib.metric_files import grid, pre_and_post, pre_and_random, select

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
SURVIVES = ["survives_centring", "survives_language_centring", "survives_constant", "survives_random"]
ROUNDING = 1e-6  # of values that were made of float32


@dataclass(frozen=True)
class Effect:
    """A change that is measured."""

    name: str
    label: str
    measure: str  # in alignment.csv; of `over="paraphrase"`, the space in paraphrase.csv that is compared with `pre`
    over: str  # what is averaged, a key of OVER, or paraphrase
    falls: bool = False  # whether the measure falls where languages get closer; else it rises
    decimals: int = 3
    moves: bool = True  # whether a constant added to every sentence can change it


OVER = ("pairs", "from_target", "target", "others", "languages", "space")
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
    Effect("mexa", "MEXA, pivot = target", "mexa", "from_target"),
    Effect("hubness", "Hubness (skewness)", "hubness", "pairs", falls=True),
    Effect("never_retrieved", "Never retrieved", "never_retrieved", "pairs", falls=True),
    Effect("anisotropy", "Anisotropy", "anisotropy", "languages", falls=True),
    Effect("rsa", "Representational similarity", "rsa", "pairs"),
    Effect("cka", "CKA (debiased)", "cka", "pairs", moves=False),
    Effect("cka_over_shuffled", "CKA / deviation when shuffled", "cka_over_shuffled", "pairs", decimals=1, moves=False),
    Effect("effective_rank", "Effective rank of a language", "effective_rank", "languages", decimals=1, moves=False),
    Effect("rank_of_space", "Effective rank of the space", "effective_rank_of_space", "space", decimals=1, moves=False),
    Effect("variance_by_language", "Variance by language", "variance_by_language", "space", falls=True, moves=False),
    Effect("variance_by_sentence", "Variance by sentence", "variance_by_sentence", "space", moves=False),
]
EFFECTS = {effect.name: effect for effect in [*REPORTED, *FURTHER]}


def measured_effect(
    effect: Effect,
    metrics: dict[str, pd.DataFrame],
    conditions: dict[str, list[str]],
    languages: list[str],
    seeds: list[int],
) -> pd.DataFrame:
    """An effect under every condition: the columns model, pooling, target, effect, `VALUES`, `gain` and `SURVIVES`.

    `gain`: whether the value moves the way it should from pre to post. `SURVIVES`, of those that do: whether it still
    does so after centring, and by more than under the constant control and random neurons; empty where that is not
    measured. NaN of values that are not measured. What a constant cannot change survives it and centring by itself.

    Args:
        effect: One of `EFFECTS`.
        metrics: Metric CSVs by name, `alignment` and `paraphrase`, of base, experts and random control.
        conditions: Models, poolings and targets.
        languages: All languages of the space.
        seeds: Of the random control; none: there is none.

    Raises:
        StudyError: an observation is missing.
    """
    if effect.over == "paraphrase":
        found = _paraphrase_values(effect, metrics["paraphrase"], conditions, seeds)
    else:
        found = _alignment_values(effect, metrics["alignment"], conditions, languages, seeds)
    if not effect.moves:
        found = found.assign(constant=found["pre"], centred_pre=found["pre"], centred_post=found["post"])
    found = found.assign(effect=effect.name).reindex(columns=[*CONDITION, "effect", *VALUES])
    sign = -1 if effect.falls else 1
    gain = sign * (found["post"] - found["pre"]) > ROUNDING
    centred = [("centred_post", "centred_pre"), ("language_centred_post", "language_centred_pre")]
    sides = [*centred, ("post", "constant"), ("post", "random")]
    for name, (post, pre) in zip(SURVIVES, sides, strict=True):
        left = sign * (found[post] - found[pre])
        # 1, 0, or NaN where there is nothing to survive or nothing is known
        found[name] = (left > ROUNDING).astype(float).where(gain & left.notna())
    found.insert(len(CONDITION) + 1 + len(VALUES), "gain", gain.astype(int))
    return found


def _alignment_values(
    effect: Effect, alignment: pd.DataFrame, conditions: dict[str, list[str]], languages: list[str], seeds: list[int]
) -> pd.DataFrame:
    own = alignment[alignment["measure"] == effect.measure]
    wanted = _wanted(effect.over, conditions, languages).assign(measure=effect.measure)
    found = wanted[CONDITION].drop_duplicates().reset_index(drop=True)
    two = own[own["space"] != "constant"]
    for centring, prefix in CENTRED.items():
        if centring != "none" and not (own["centring"] == centring).any():
            continue
        values = pre_and_post(two, wanted.assign(centring=centring), "value", f"values of {effect.measure}")
        means = values.groupby(CONDITION, sort=False)[["pre", "post"]].mean().add_prefix(prefix)
        found = found.merge(means.reset_index(), on=CONDITION)
    if effect.moves:
        control = wanted.assign(units="expert", space="constant", centring="none")
        values = select(own, control, f"values of {effect.measure} under the constant control")
        means = values.groupby(CONDITION, sort=False)["value"].mean().rename("constant")
        found = found.merge(means.reset_index(), on=CONDITION)
    if seeds:
        what = f"values of {effect.measure} under random neurons"
        values = pre_and_random(two, wanted.assign(centring="none"), "value", seeds, what)
        means = values.groupby(CONDITION, sort=False)["post"].mean().rename("random")
        found = found.merge(means.reset_index(), on=CONDITION)
    return found


def _wanted(over: str, conditions: dict[str, list[str]], languages: list[str]) -> pd.DataFrame:
    """The observations over which an effect is a mean: conditions with query and candidate, query alone, or neither."""
    if over == "space":
        return grid(**conditions)
    if over in ("pairs", "from_target"):
        wanted = grid(**conditions, query=languages, candidate=languages)
        wanted = wanted[wanted["query"] != wanted["candidate"]]
    else:
        wanted = grid(**conditions, query=languages)
    of_target = wanted["query"] == wanted["target"]
    kept = {"from_target": of_target, "target": of_target, "others": ~of_target}.get(over)
    return (wanted if kept is None else wanted[kept]).reset_index(drop=True)


def _paraphrase_values(
    effect: Effect, paraphrase: pd.DataFrame, conditions: dict[str, list[str]], seeds: list[int]
) -> pd.DataFrame:
    """Accuracies by cosine; centred, those by centred cosine. Of similarities that were not measured, NaN."""
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
        if similarity in there
        else np.nan
        for (similarity, space), column in columns.items()
    }
    draws = [
        select(
            paraphrase,
            of_target.assign(units="random", seed=float(seed), similarity="cosine", space=effect.measure),
            "paraphrase accuracies under random neurons",
        )["accuracy"]
        for seed in seeds
    ]
    return wanted.assign(**values, random=sum(draws) / len(draws) if draws else np.nan)

"""Section 4, Table 1: the intervention brings the languages closer to each other, to the medoid and to the target."""

import pandas as pd

from workflow_scripts.paper.claims.claim import Claim, counted, pre_to_post
from workflow_scripts.paper.claims.evidence import Evidence, Undefined

ALMOST_ALL = 0.9


def mean_by_target(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the means of pre and post, by target."""
    return rows.groupby("target", sort=False)[["pre", "post"]].mean()


def _fall(means: pd.DataFrame) -> tuple[bool, str]:
    return (means["post"] < means["pre"]).all(), pre_to_post(means)


def distances_fall(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether the mean distance over all pairs of languages falls, for every target."""
    return _fall(mean_by_target(evidence.have("distances")))


def almost_all_distances_fall(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether distances fall in at least 90 % of pairs of languages and targets."""
    distances = evidence.have("distances")
    falls = distances["post"] < distances["pre"]
    return falls.mean() >= ALMOST_ALL, f"falls in {counted(falls, 'pairs and targets')} ({falls.mean():.0%})"


def target_nears_medoid(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether the target's distance to the medoid falls, for every target."""
    medoid = evidence.have("medoid")
    return _fall(mean_by_target(medoid[medoid["language"] == medoid["target"]]))


def others_near_medoid(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether the mean distance of the other languages to the medoid falls, for every target."""
    medoid = evidence.have("medoid")
    return _fall(mean_by_target(medoid[medoid["language"] != medoid["target"]]))


def to_target(evidence: Evidence) -> pd.DataFrame:
    """Return the distances of the other languages to the target."""
    distances = evidence.have("distances")
    return distances[distances["query"] == distances["target"]]


def all_near_target(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether every other language comes closer to the target, for every target."""
    distances = to_target(evidence)
    closer = distances["post"] < distances["pre"]
    means = mean_by_target(distances)
    return closer.all(), f"closer in {counted(closer, 'languages and targets')}; mean {pre_to_post(means)}"


def reductions(evidence: Evidence) -> pd.Series:
    """Return by how much each of Table 1's distances falls, the mean over targets."""
    medoid = evidence.have("medoid")
    observed = {
        "all languages": evidence.have("distances"),
        "target to medoid": medoid[medoid["language"] == medoid["target"]],
        "others to medoid": medoid[medoid["language"] != medoid["target"]],
        "to target": to_target(evidence),
    }
    means = {name: mean_by_target(rows) for name, rows in observed.items()}
    return pd.Series({name: (mean["pre"] - mean["post"]).mean() for name, mean in means.items()})


def polylm_falls_least(models: list[Evidence]) -> tuple[bool, str]:
    """Decide whether every distance of Table 1 falls less in PolyLM-13B than in each other model."""
    polylm = [evidence for evidence in models if evidence.model.published == "polylm-13b"]
    others = [evidence for evidence in models if evidence.model.published != "polylm-13b"]
    if not polylm or not others:
        raise Undefined("needs PolyLM-13B and another model")
    falls = {evidence.model.label: reductions(evidence) for evidence in [*polylm, *others]}
    least, *more = falls.values()
    said = (f"{label}: " + ", ".join(f"{name} {by:.2f}" for name, by in fall.items()) for label, fall in falls.items())
    return all((least < other).all() for other in more), f"falls by, in {'; '.join(said)}"


CLAIMS = [
    Claim(
        "distances_fall",
        "4",
        "The languages are closer to each other after the intervention (mean over all pairs, every target).",
        "Aya-8B 0.72 to 0.19, Bloom-7B 0.72 to 0.17, PolyLM-13B 0.85 to 0.56 (means over targets)",
        distances_fall,
    ),
    Claim(
        "almost_all_distances_fall",
        "5",
        f"The distances between almost all languages decrease (in at least {ALMOST_ALL:.0%} of pairs and targets).",
        "almost all",
        almost_all_distances_fall,
    ),
    Claim(
        "target_nears_medoid",
        "4",
        "The target is pulled closer to the medoid (every target).",
        "Aya-8B 0.62 to 0.14, Bloom-7B 0.60 to 0.04, PolyLM-13B 0.72 to 0.43 (means over targets)",
        target_nears_medoid,
    ),
    Claim(
        "others_near_medoid",
        "4",
        "The other languages are pulled closer to the medoid (mean over languages, every target).",
        "Aya-8B 0.58 to 0.12, Bloom-7B 0.50 to 0.11, PolyLM-13B 0.72 to 0.43 (means over targets)",
        others_near_medoid,
    ),
    Claim(
        "all_near_target",
        "4",
        "All languages are closer to the target after the intervention (each language, every target).",
        "all; Aya-8B 0.77 to 0.20, Bloom-7B 0.78 to 0.13, PolyLM-13B 0.86 to 0.54 (means over targets)",
        all_near_target,
    ),
    Claim(
        "polylm_falls_least",
        "4",
        "All distances are reduced less in PolyLM-13B than in the other models (difference of the means over targets, "
        "each of Table 1's four distances).",
        "PolyLM-13B 0.29 to 0.32, the others 0.39 to 0.65",
        polylm_falls_least,
        compares=True,
    ),
]

"""Sections 5 and 8, Figure 5: the improvement carries over to queries other than the target."""

import pandas as pd

from workflow_scripts.paper.claims.claim import Claim, by_target, counted, most, points, spearman
from workflow_scripts.paper.claims.evidence import Evidence, Undefined
from workflow_scripts.paper.claims.retrieval import mean_gain, seen_against_unseen

DROP = 0.01  # a smaller fall of accuracy is no drop
MUCH = 0.1


def gains_carry_over(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether the mean gain over pairs of languages without the target is positive for most targets."""
    rows = evidence.without_target()
    gains = mean_gain(rows)
    share = f"{counted(rows['gain'] > 0, 'pairs and targets')} improve ({(rows['gain'] > 0).mean():.0%})"
    return most(gains > 0), f"mean gain in points: {by_target(gains, points)}; {share}"


def seen_pairs_gain_more(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether without the target, the mean gain is larger for pairs of which both languages were seen in
    pre-training.
    """
    rows = evidence.without_target()
    return seen_against_unseen(rows["gain"], evidence.has_seen(rows["query"]) & evidence.has_seen(rows["candidate"]))


def patterns_agree(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether candidates that gain more with the target as query gain more with others: Spearman's r > 0 for
    most targets.
    """
    with_target = evidence.queried_by_target().set_index(["target", "candidate"])["gain"]
    with_others = evidence.without_target().groupby(["target", "candidate"])["gain"].mean()
    agreement = {}
    for target, gains in with_target.groupby("target", sort=False):
        others = with_others.reindex(gains.index)
        if len(gains) > 2 and gains.nunique() > 1 and others.nunique() > 1:
            agreement[target] = spearman(gains, others)
    if not agreement:
        raise Undefined("fewer than three candidates, or all gain the same")
    values = pd.Series(agreement)
    return most(values > 0), f"Spearman's correlation over candidates: {by_target(values, '{:.2f}'.format)}"


def no_pair_drops(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether under the shown target, no pair of languages without it loses more than a point."""
    rows = _shown(evidence)
    drops = rows["gain"] < -DROP
    return not drops.any(), f"{counted(drops, 'pairs')} drop; the largest change down is {points(rows['gain'].min())}"


def most_pairs_gain_and_some_drop(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether under the shown target, more than half of the pairs without it improve and some lose more than a
    point.
    """
    rows = _shown(evidence)
    gains, drops = rows["gain"] > 0, rows["gain"] < -DROP
    return most(gains) and drops.any(), f"{counted(gains, 'pairs')} improve, {int(drops.sum()):,} drop"


def _shown(evidence: Evidence) -> pd.DataFrame:
    rows = evidence.without_target()
    return rows[rows["target"] == evidence.shown_target]


# --- Examples ---


def pair_gain(evidence: Evidence, target: str, one: str, other: str) -> float:
    """Return the mean gain of both directions between two languages under the intervention on a target."""
    rows = evidence.have("retrieval")
    rows = rows[(rows["target"] == target) & rows["query"].isin([one, other]) & rows["candidate"].isin([one, other])]
    if not len(rows):
        raise Undefined(f"{one} and {other} under the intervention on {target} were not measured")
    return rows["gain"].mean()


def bloom_examples(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether under Spanish, queries in English, French and Portuguese improve, in the mean over candidates."""
    rows = evidence.have("retrieval")
    rows = rows[(rows["target"] == "es") & rows["query"].isin(["en", "fr", "pt"])]
    gains = rows.groupby("query")["gain"].mean()
    if len(gains) < 3:
        raise Undefined("queries in English, French and Portuguese under the intervention on Spanish were not measured")
    return (gains > 0).all(), f"mean gain in points: {by_target(gains, points)}"


def aya_examples(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether under Spanish Hebrew with Persian and Czech with Greek improve, the mean of both directions."""
    pairs = [("he", "fa"), ("cs", "el")]
    gains = pd.Series({f"{one}-{other}": pair_gain(evidence, "es", one, other) for one, other in pairs})
    return (gains > 0).all(), f"gain in points: {by_target(gains, points)}"


def polylm_examples(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether under Spanish, Russian with Portuguese improves, in the mean of both directions."""
    gain = pair_gain(evidence, "es", "ru", "pt")
    return gain > 0, f"gain in points: {points(gain)}"


def bloom_under_japanese(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether under Japanese, English with Portuguese improves by ten points or more, in the mean of both
    directions.
    """
    gain = pair_gain(evidence, "ja", "en", "pt")
    return gain >= MUCH, f"gain in points: {points(gain)}"


CLAIMS = [
    Claim(
        "gains_carry_over",
        "5",
        "The improvement carries over to queries other than the target (mean over pairs without the target, most "
        "targets).",
        "carries over, with smaller gains for many languages",
        gains_carry_over,
    ),
    Claim(
        "seen_pairs_gain_more",
        "5",
        "With other queries too, languages seen in pre-training gain more (pairs without the target, both languages "
        "seen, against all other pairs).",
        "larger accuracy gains",
        seen_pairs_gain_more,
    ),
    Claim(
        "patterns_agree",
        "5",
        "The pattern of improvement with other queries is that with the target as query (Spearman's correlation over "
        "candidates of the gain with either is positive for most targets).",
        "generally consistent",
        patterns_agree,
    ),
    Claim(
        "no_pair_drops",
        "5",
        "In Bloom-7B no performance drops with other queries (no pair without the target by more than "
        f"{points(DROP)} points, shown target).",
        "no drops",
        no_pair_drops,
        only="bloom-7b",
    ),
    Claim(
        "most_pairs_gain_and_some_drop",
        "5",
        "In Aya-8B a majority improves with other queries and some drop (pairs without the target, a drop being more "
        f"than {points(DROP)} points, shown target).",
        "improvements for a majority, a drop for some",
        most_pairs_gain_and_some_drop,
        only="aya-8b",
    ),
    Claim(
        "bloom_examples",
        "5",
        "Intervening on Spanish improves retrieval by English, French and Portuguese queries in Bloom-7B (mean over "
        "candidates).",
        "improves",
        bloom_examples,
        only="bloom-7b",
    ),
    Claim(
        "aya_examples",
        "5",
        "Intervening on Spanish improves Hebrew with Persian and Czech with Greek in Aya-8B (mean of both directions).",
        "improves",
        aya_examples,
        only="aya-8b",
    ),
    Claim(
        "polylm_examples",
        "5",
        "Intervening on Spanish improves Russian with Portuguese in PolyLM-13B (mean of both directions).",
        "improves",
        polylm_examples,
        only="polylm-13b",
    ),
    Claim(
        "bloom_under_japanese",
        "8",
        "Intervening on Japanese improves English with Portuguese by much in Bloom-7B (mean of both directions, at "
        f"least {points(MUCH)} points).",
        "a large improvement",
        bloom_under_japanese,
        only="bloom-7b",
    ),
]

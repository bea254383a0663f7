"""Section 3.3, Figure 2 and Appendix B: what the intervention generates, and what becomes of perplexity."""

import pandas as pd

from workflow_scripts.paper.claims.claim import Claim, by_target, pre_to_post, spearman
from workflow_scripts.paper.claims.evidence import Evidence, Undefined

HIGH = 0.5  # a share of sentences in the target language that is called a high probability


def before_and_after(evidence: Evidence, name: str) -> pd.DataFrame:
    """Return the value without experts and with as many as the study takes, in columns pre and post, by target."""
    by_k = evidence.have(name).pivot(index="target", columns="k", values="value")
    by_k = by_k.loc[evidence.have(name)["target"].unique()]
    if missing := [k for k in (0, evidence.k) if k not in by_k]:
        raise Undefined(f"k = {' and '.join(map(str, missing))} is not in the sweep")
    return by_k.rename(columns={0: "pre", evidence.k: "post"})[["pre", "post"]]


def language_id_rises(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether the target is generated more often, for every target but English in Aya-8B."""
    shares = before_and_after(evidence, "language_id")
    if evidence.model.published == "aya-8b":
        shares = shares.drop(index="en", errors="ignore")
    if not len(shares):
        raise Undefined("the only target is English in Aya-8B")
    return (shares["post"] > shares["pre"]).all(), f"share in the target language: {pre_to_post(shares)}"


def english_is_generated_less(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether English, where it is the target, is generated less often."""
    shares = before_and_after(evidence, "language_id")
    if "en" not in shares.index:
        raise Undefined("English is no target")
    english = shares.loc[["en"]]
    return (english["post"] < english["pre"]).all(), f"share in the target language: {pre_to_post(english)}"


def unseen_targets_are_generated(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether targets not seen in pre-training are generated with high probability."""
    shares = before_and_after(evidence, "language_id")
    unseen = shares[[not evidence.model.has_seen(target) for target in shares.index]]
    if not len(unseen):
        raise Undefined("the model has seen every target")
    return (unseen["post"] >= HIGH).all(), f"share in the target language: {pre_to_post(unseen)}"


def perplexity_is_higher(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether perplexity is higher with the study's number of experts than without, for every target."""
    values = before_and_after(evidence, "perplexity")
    return (values["post"] > values["pre"]).all(), f"log perplexity: {pre_to_post(values)}"


def perplexity_rises_with_experts(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether Spearman's correlation of log perplexity with k is positive for every target."""
    perplexity = evidence.have("perplexity")
    if perplexity["k"].nunique() < 3:
        raise Undefined("the sweep has fewer than three numbers of experts")
    rank = pd.Series(
        {
            target: spearman(rows["k"], rows["value"]) if rows["value"].nunique() > 1 else 0.0
            for target, rows in perplexity.groupby("target", sort=False)
        }
    )
    return (rank > 0).all(), f"Spearman's correlation with k: {by_target(rank, '{:.2f}'.format)}"


CLAIMS = [
    Claim(
        "language_id_rises",
        "3.3",
        "The intervention raises the probability of generating the target language (share of generated sentences "
        "identified as the target, at the study's k and without experts; every target but English in Aya-8B).",
        "rises for almost all targets; English in Aya-8B is the only exception",
        language_id_rises,
    ),
    Claim(
        "english_is_generated_less",
        "3.3",
        "Intervening on English reduces the likelihood of generating English in Aya-8B.",
        "falls",
        english_is_generated_less,
        only="aya-8b",
    ),
    Claim(
        "unseen_targets_are_generated",
        "3.3",
        "Targets that the model has not seen in pre-training are generated with high probability too (at least "
        f"{HIGH:.0%} of sentences).",
        "German and Japanese in Bloom-7B, with high probability",
        unseen_targets_are_generated,
    ),
    Claim(
        "perplexity_is_higher",
        "1, 3.3",
        "Perplexity is higher after the intervention (at the study's k, every target).",
        "increases",
        perplexity_is_higher,
    ),
    Claim(
        "perplexity_rises_with_experts",
        "3.3",
        "Perplexity increases with the number of experts (Spearman's correlation of log perplexity with k is positive "
        "for every target).",
        "increases as the number of activated neurons increases",
        perplexity_rises_with_experts,
    ),
]

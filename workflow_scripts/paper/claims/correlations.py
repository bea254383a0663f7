"""Section 5, Table 2: retrieval accuracy goes with distance, but the gain does not go with the fall of distance."""

import pandas as pd

from workflow_scripts.paper.claims.claim import Claim, by_target, counted, most
from workflow_scripts.paper.claims.evidence import Evidence, Undefined

SIGNIFICANT = 0.05


def of_candidates(evidence: Evidence, correlation: str, candidates: str = "seen") -> pd.DataFrame:
    """Return the columns r and p_value by target, where r is defined."""
    rows = evidence.have("correlations")
    rows = rows[(rows["correlation"] == correlation) & (rows["candidates_set"] == candidates)]
    if not len(rows := rows.dropna(subset=["r"]).set_index("target")):
        raise Undefined("the correlation is undefined for every target")
    return rows[["r", "p_value"]]


def _said(rows: pd.DataFrame) -> str:
    return f"r: {by_target(rows['r'], '{:.2f}'.format)}"


def _predicts(evidence: Evidence, correlation: str) -> tuple[bool, str]:
    rows = of_candidates(evidence, correlation)
    so = (rows["r"] < 0) & (rows["p_value"] <= SIGNIFICANT)
    return most(so), f"negative and significant for {counted(so, 'targets')}; {_said(rows)}"


def distance_predicts_after(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether r(acc_post, d_post) is negative and significant for most targets."""
    return _predicts(evidence, "acc_post~d_post")


def distance_predicts_before(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether r(acc_pre, d_pre) is negative and significant for most targets."""
    return _predicts(evidence, "acc_pre~d_pre")


def distances_agree(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether r(d_post, d_pre) is positive for most targets."""
    rows = of_candidates(evidence, "d_post~d_pre")
    positive = rows["r"] > 0
    significant = int((positive & (rows["p_value"] <= SIGNIFICANT)).sum())
    return most(positive), f"positive for {counted(positive, 'targets')}, significant for {significant}; {_said(rows)}"


def gain_is_uncorrelated(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether r(Δacc, d_pre − d_post) is not significant for most targets."""
    rows = of_candidates(evidence, "delta_acc~delta_d")
    insignificant = rows["p_value"] > SIGNIFICANT
    return most(insignificant), f"not significant for {counted(insignificant, 'targets')}; {_said(rows)}"


def _means(evidence: Evidence, correlation: str) -> pd.Series:
    """Mean r with seen and with all candidates, over the targets for which both are defined."""
    both = pd.DataFrame({name: of_candidates(evidence, correlation, name)["r"] for name in ("seen", "all")})
    if not len(both := both.dropna()):
        raise Undefined("no target has the correlation with seen and with all candidates")
    return both.mean()


def all_candidates_agree(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether with all candidates each mean r over targets of accuracy and distance has the same sign and is
    weaker.
    """
    if all(evidence.has_seen(evidence.have("retrieval")["candidate"])):
        raise Undefined("the model has seen all candidates")
    means = pd.DataFrame({name: _means(evidence, name) for name in ("acc_post~d_post", "acc_pre~d_pre")}).T
    same = means["seen"] * means["all"] > 0
    weaker = means["all"].abs() < means["seen"].abs()
    shown = (f"{row.Index} {row.seen:.2f} seen, {row.all:.2f} all" for row in means.itertuples())
    return (same & weaker).all(), f"mean r: {'; '.join(shown)}"


CLAIMS = [
    Claim(
        "distance_predicts_after",
        "5, 8",
        "After the intervention, accuracy falls with the distance between query and candidate language (r(acc_post, "
        f"d_post) negative with p at most {SIGNIFICANT} for most targets, candidates seen in pre-training).",
        "r -0.01 to -0.98",
        distance_predicts_after,
    ),
    Claim(
        "distance_predicts_before",
        "5, 8",
        "So it does before the intervention (r(acc_pre, d_pre), likewise).",
        "r -0.50 to -0.96",
        distance_predicts_before,
    ),
    Claim(
        "distances_agree",
        "5",
        "Languages that are closer to the target before are closer after (r(d_post, d_pre) positive for most targets).",
        "r 0.15 to 0.99, but -0.48 for Japanese in Bloom-7B",
        distances_agree,
    ),
    Claim(
        "gain_is_uncorrelated",
        "5",
        "The gain in accuracy does not correlate with the reduction of distance (r(Δacc, d_pre − d_post) with p above "
        f"{SIGNIFICANT} for most targets).",
        "r -0.72 to 0.89; intervals without 0 for four of five targets in Aya-8B, for none in the other models",
        gain_is_uncorrelated,
    ),
    Claim(
        "all_candidates_agree",
        "5",
        "With all candidates the pattern is the same but weaker (the mean over targets of either r of accuracy and "
        "distance has the same sign and is nearer to 0 than with seen candidates).",
        "somewhat weaker",
        all_candidates_agree,
    ),
]

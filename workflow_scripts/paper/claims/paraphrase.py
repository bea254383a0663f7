"""Section 6, Tables 3 and 5: paraphrases are found inside a space, not between the spaces before and after."""

import pandas as pd

from workflow_scripts.paper.claims.claim import Claim, counted, most
from workflow_scripts.paper.claims.evidence import Evidence, Undefined
from workflow_scripts.paper.published import ROUNDING, UNCHANGED


def unchanged(scores: pd.DataFrame) -> tuple[bool, str]:
    """Decide whether accuracy before and after differ little for most targets."""
    small = (scores["post"] - scores["pre"]).abs() <= UNCHANGED + ROUNDING
    return most(small), f"at most {UNCHANGED} apart for {counted(small, 'targets')}: {said(scores)}"


def said(scores: pd.DataFrame, second: str = "post") -> str:
    """Return two of the columns for each target."""
    return ", ".join(f"{row['target']} {row['pre']:.2f} to {row[second]:.2f}" for _, row in scores.iterrows())


def changes(scores: pd.DataFrame) -> pd.Series:
    """Return the changes of accuracy that show in a table with two decimals.

    Raises:
        Undefined: there are none.
    """
    change = scores["post"].astype(float).round(2) - scores["pre"].astype(float).round(2)
    if not len(change := change[change.abs() > ROUNDING]):
        raise Undefined("no accuracy changes in its first two decimals")
    return change


def accuracy_is_unchanged(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether under experts, accuracy stays within the tolerance for most targets."""
    return unchanged(evidence.have("paraphrase"))


def mixed_is_far_below(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether between the spaces accuracy is lower by more than the tolerance, for every target."""
    scores = evidence.have("paraphrase")
    below = scores["pre"] - scores["mixed"] > UNCHANGED + ROUNDING
    return below.all(), f"more than {UNCHANGED} below for {counted(below, 'targets')}: {said(scores, 'mixed')}"


def changes_are_positive(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether under experts, most of the accuracies that change rise."""
    change = changes(evidence.have("paraphrase"))
    return most(change > 0), f"{counted(change > 0, 'changes')} positive"


CLAIMS = [
    Claim(
        "accuracy_is_unchanged",
        "6",
        "Paraphrase accuracy inside the new space is largely unchanged (post and pre at most "
        f"{UNCHANGED} apart for most targets).",
        "at most 0.05 apart for all targets but Japanese in Aya-8B (0.06) and Bloom-7B (0.12)",
        accuracy_is_unchanged,
    ),
    Claim(
        "mixed_is_far_below",
        "6",
        "Between the spaces before and after, accuracy drops significantly (mixed more than "
        f"{UNCHANGED} below pre for every target).",
        "0.07 to 0.54 below",
        mixed_is_far_below,
    ),
    Claim(
        "changes_are_positive",
        "7",
        "Where paraphrase accuracy changes under experts, it tends to rise (more than half of the targets in which it "
        "changes, to two decimals).",
        "tend to be positive",
        changes_are_positive,
    ),
]

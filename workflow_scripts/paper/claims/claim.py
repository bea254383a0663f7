"""A claim of the paper in words, and how it is decided from what a study has measured."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workflow_scripts.paper.claims.evidence import Evidence, Undefined


@dataclass(frozen=True)
class Verdict:
    """Whether a claim holds (None: undefined), and the numbers or the reason in words."""

    holds: bool | None
    measured: str


@dataclass(frozen=True)
class Claim:
    """A claim; `decide` takes the evidence of one model, or of every model if the claim compares them."""

    name: str
    section: str
    statement: str  # with the reading taken where the paper leaves one open
    paper: str  # what the paper reports
    decide: Callable[..., tuple[bool, str]]
    compares: bool = False
    only: str | None = None  # the paper's name of the one model that the claim is about
    but: str | None = None  # the paper's name of the one model that it is not about

    def concerns(self, evidence: Evidence) -> bool:
        """Return whether the claim is about this model."""
        published = evidence.model.published
        return published == self.only if self.only else self.but is None or published != self.but

    def verdict(self, evidence: Evidence | list[Evidence]) -> Verdict:
        """Decide the claim, or say why the study cannot."""
        try:
            holds, measured = self.decide(evidence)
        except Undefined as reason:
            return Verdict(None, str(reason))
        return Verdict(bool(holds), measured)


def most(cases: pd.Series | np.ndarray) -> bool:
    """Return whether more than half of the cases are so."""
    return float(np.mean(cases)) > 0.5


def spearman(x: pd.Series, y: pd.Series) -> float:
    """Return Spearman's rank correlation of two sides of the same length, ties sharing their mean rank.

    `scipy.stats` has it too, but takes as long to import as everything else that decides on claims.
    """
    return float(np.corrcoef(x.rank(), y.rank())[0, 1])


def counted(cases: pd.Series | np.ndarray, of: str) -> str:
    """Say in how many cases it is so, like `3 of 5 targets`."""
    return f"{int(np.sum(cases)):,} of {len(cases):,} {of}"


def points(difference: float) -> str:
    """Return a difference of two accuracies in percentage points."""
    return f"{100 * difference:z.1f}"


def by_target(values: pd.Series, show: Callable[[float], str]) -> str:
    """Return a value for each target, which is the index, like `es 1.2, de 3.4`."""
    return ", ".join(f"{target} {show(value)}" for target, value in values.items())


def pre_to_post(table: pd.DataFrame, decimals: int = 2) -> str:
    """Return the columns pre and post for each target, which is the index, like `es 0.72 to 0.19`."""
    return ", ".join(f"{row.Index} {row.pre:.{decimals}f} to {row.post:.{decimals}f}" for row in table.itertuples())

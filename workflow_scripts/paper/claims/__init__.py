"""The paper's claims in words, in its order, each decided from the metrics of a study.

One file a section of the paper; a claim is a function from evidence to (holds, measured in words), listed with its
statement at the end of its file. Left out is what no metric decides: that the intervention moves all languages to a
place of their own (Figure 3 shows it, and that paraphrases are not found between the spaces), and why models differ.
"""

import pandas as pd

from workflow_scripts.paper.claims import (
    alignment,
    correlations,
    other_queries,
    paraphrase,
    random_control,
    retrieval,
    steering,
)
from workflow_scripts.paper.claims.claim import Claim, Verdict
from workflow_scripts.paper.claims.evidence import Evidence, Study, gather

CLAIMS: list[Claim] = [
    *steering.CLAIMS,
    *alignment.CLAIMS,
    *retrieval.CLAIMS,
    *other_queries.CLAIMS,
    *correlations.CLAIMS,
    *paraphrase.CLAIMS,
    *random_control.CLAIMS,
]
HOLDS = {True: "yes", False: "no", None: "undefined"}
COLUMNS = ["claim", "section", "statement", "model", "pooling", "measured", "paper", "holds"]


def decide(metrics: dict[str, pd.DataFrame], study: Study) -> pd.DataFrame:
    """Return every claim for every model and pooling; columns as in `COLUMNS`.

    A claim that compares models has one row per pooling, with the model `all`; so has one about a model that the study
    does not have, with that model's name in the paper.

    Args:
        metrics: Metric CSVs by kind (`evidence.KINDS`), as they were read; kinds that the study lacks are absent.
        study: What is asked about.

    Raises:
        StudyError: of a kind that was measured, an observation is missing.
    """
    gathered = {
        pooling: [gather(metrics, study, model, pooling) for model in study.models] for pooling in study.poolings
    }
    rows = [
        {
            "claim": claim.name,
            "section": claim.section,
            "statement": claim.statement,
            "model": model,
            "pooling": pooling,
            "measured": verdict.measured,
            "paper": claim.paper,
            "holds": HOLDS[verdict.holds],
        }
        for claim in CLAIMS
        for pooling, evidence in gathered.items()
        for model, verdict in _verdicts(claim, evidence)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _verdicts(claim: Claim, models: list[Evidence]) -> list[tuple[str, Verdict]]:
    if claim.compares:
        return [("all", claim.verdict(models))]
    if concerned := [evidence for evidence in models if claim.concerns(evidence)]:
        return [(evidence.model.name, claim.verdict(evidence)) for evidence in concerned]
    if claim.only:
        return [(claim.only, Verdict(None, "the study does not have this model"))]
    return [("all", Verdict(None, f"it is not said of {claim.but}, and the study has no other model"))]

"""The table of retrieval by family and script of the candidate languages."""

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Place, Table

ISOLATE = "isolate"


def spec(plan) -> dict:
    """Return the languages with their families and scripts."""
    alignment, table = plan.config.study.alignment, plan.config.language_table
    return {
        **described.models(plan),
        "targets": plan.config.study.targets,
        "languages": alignment.languages,
        "dataset": alignment.dataset,
        "similarity": plan.config.metrics.shown_similarity,
        "family": {code: table[code].family or ISOLATE for code in alignment.languages},
        "script": {code: table[code].script for code in alignment.languages},
        **described.resampling(plan),
    }


TABLE = Table(
    name="families",
    stage="table_families",
    place=Place("retrieval", 7),
    inputs=lambda plan: {"retrieval": described.space_metrics(plan, "retrieval", plan.conditions.experts_of)},
    spec=spec,
    beyond=True,
)

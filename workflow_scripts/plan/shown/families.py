"""The table and the figures of retrieval by family and script of the languages."""

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Figure, Place, Table, by_model

ISOLATE = "isolate"


def groups(plan) -> dict:
    """Return the family and the script of each language."""
    languages, table = plan.config.study.alignment.languages, plan.config.language_table
    return {
        "family": {code: table[code].family or ISOLATE for code in languages},
        "script": {code: table[code].script for code in languages},
    }


def spec(plan) -> dict:
    """Return the languages with their families and scripts."""
    alignment = plan.config.study.alignment
    return {
        **described.models(plan),
        "targets": plan.config.study.targets,
        "languages": alignment.languages,
        "dataset": alignment.dataset,
        "similarity": plan.config.metrics.shown_similarity,
        **groups(plan),
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
GROUPS = Figure(
    kind="families",
    stage="figure_families",
    place=Place("retrieval", 8),
    figures=lambda plan: by_model("families", plan.models.names, plan.config.study.targets),
    inputs=lambda plan, contents: {"families": ["<results>/families.csv"]},
    spec=lambda plan, contents: {
        "panels": described.panels(plan, contents, seen=False),
        "poolings": plan.conditions.poolings,
        "names": described.names(plan, contents.targets),
        "dataset": plan.config.study.alignment.dataset,
        "similarity": plan.config.metrics.shown_similarity,
        **described.resampling(plan),
    },
    beyond=True,
)
MATRIX = Figure(
    kind="family_matrix",
    stage="figure_family_matrix",
    place=Place("retrieval", 9),
    figures=lambda plan: by_model("family_matrix", plan.models.names, plan.config.study.targets),
    inputs=lambda plan, contents: {"retrieval": described.shown_metrics(plan, "retrieval", contents)},
    spec=lambda plan, contents: {
        **described.retrieval(plan, contents),
        "panels": described.panels(plan, contents, seen=False),
        **groups(plan),
    },
    beyond=True,
)

"""Table 2: correlations of retrieval accuracy with distance over candidate languages."""

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Place, Table

TABLE = Table(
    name="table2",
    stage="table_correlations",
    place=Place("retrieval", 3),
    inputs=lambda plan: {
        "correlations": described.space_metrics(plan, "correlations", plan.conditions.experts_of, base=False)
    },
    spec=lambda plan: {
        **described.models(plan),
        "targets": plan.config.study.targets,
        "similarity": plan.config.metrics.shown_similarity,
        "measure": plan.config.metrics.shown_distance,
        "candidates_set": plan.config.metrics.shown_candidates,
        **described.resampling(plan),
    },
)

"""Table 1: distances between languages, to the medoid and to the target."""

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Place, Table

TABLE = Table(
    name="table1",
    stage="table_distances",
    place=Place("space", 2),
    inputs=lambda plan: {
        "distances": described.space_metrics(plan, "distances", plan.conditions.experts_of),
        "medoid": described.space_metrics(plan, "medoid", plan.conditions.experts_of),
    },
    spec=lambda plan: {
        **described.models(plan),
        "targets": plan.config.study.targets,
        "languages": plan.config.study.alignment.languages,
        "measure": plan.config.metrics.shown_distance,
        "medoid": plan.config.metrics.shown_medoid,
    },
)

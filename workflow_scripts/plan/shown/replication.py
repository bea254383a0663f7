"""Every number of the paper's tables beside the study's."""

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Place, Table

TABLE = Table(
    name="replication",
    stage="table_replication",
    place=Place("published", 2),
    inputs=lambda plan: {
        # Table 4 has no numbers.
        "tables": [f"<results>/table{number}.csv" for number in plan.shown.table_numbers if number != 4]
    },
    spec=lambda plan: {
        **described.published_models(plan),
        "similarity": plan.config.metrics.shown_similarity,
        "measure": plan.config.metrics.shown_distance,
        "candidates_set": plan.config.metrics.shown_candidates,
    },
)

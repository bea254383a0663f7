"""Figure 1: languages around the medoid, and a query that finds its translation only after the intervention."""

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Contents, Figure, Place

FIGURE = Figure(
    kind="overview",
    stage="figure_overview",
    place=Place("space", 1),
    figures=lambda plan: [
        Contents(f"overview/{shown}", plan.models.names, [shown], 1) for shown in [plan.config.study.shown_target]
    ],
    inputs=lambda plan, contents: {
        "medoid": described.shown_metrics(plan, "medoid", contents),
        "examples": described.shown_metrics(plan, "examples", contents, base=False),
    },
    spec=lambda plan, contents: {
        **described.retrieval(plan, contents),
        "medoid": plan.config.metrics.shown_medoid,
    },
    nameable=lambda plan: [
        Contents(f"overview/{target}", plan.models.names, [target]) for target in plan.config.study.targets
    ],
)

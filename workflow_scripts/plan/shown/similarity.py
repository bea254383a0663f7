"""The tables and the figure of similarity of languages beside retrieval, distance, ABX scores and transfer."""

from typing import TYPE_CHECKING, Any

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Figure, Place, Table, by_model

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan


def spec(plan: "Plan") -> dict[str, Any]:
    """Return what both tables show."""
    return {
        **described.models(plan),
        "targets": plan.config.study.targets,
        "languages": plan.config.study.alignment.languages,
        "dataset": plan.config.study.alignment.dataset,
        "similarity": plan.config.metrics.shown_similarity,
    }


CORRELATIONS = Table(
    name="similarity",
    stage="table_similarity",
    place=Place("similarity", 1),
    inputs=lambda plan: {
        "similarities": described.similarities(plan),
        "retrieval": described.space_metrics(plan, "retrieval", plan.conditions.experts_of),
        "distances": described.space_metrics(plan, "distances", plan.conditions.experts_of),
        "abx": described.space_metrics(plan, "abx", plan.conditions.experts_of),
        "transfer": described.probe_metrics(plan, "transfer", plan.conditions.experts_of),
    },
    spec=lambda plan: {**spec(plan), "measure": plan.config.metrics.shown_distance, **described.resampling(plan)},
    beyond=True,
    minutes=30,
)
MIXED = Table(
    name="similarity_mixed",
    stage="table_similarity_mixed",
    place=Place("similarity", 3),
    inputs=lambda plan: {
        "similarities": described.similarities(plan),
        "retrieval": described.space_metrics(plan, "retrieval", plan.conditions.experts_of),
        "abx": described.space_metrics(plan, "abx", plan.conditions.experts_of),
        "transfer": described.probe_metrics(plan, "transfer", plan.conditions.experts_of),
    },
    spec=lambda plan: {**spec(plan), "confidence": plan.config.correlations.confidence},
    beyond=True,
    minutes=30,
)
FIGURE = Figure(
    kind="similarity",
    stage="figure_similarity",
    place=Place("similarity", 2),
    figures=lambda plan: by_model("similarity", plan.models.names, plan.config.study.targets),
    inputs=lambda plan, contents: {"correlations": ["<results>/similarity.csv"]},
    spec=lambda plan, contents: {
        "model": described.model(plan, contents.models[0], seen=False),
        "dataset": plan.config.study.alignment.dataset,
        "languages": plan.config.study.alignment.languages,
        "confidence": plan.config.correlations.confidence,
    },
    beyond=True,
)

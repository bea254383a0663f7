"""The table and the figures of measures by step of the training, for models of which checkpoints are kept."""

from workflow_scripts.plan import paths
from workflow_scripts.plan.names import BASE
from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Figure, Place, Table, by_model
from workflow_scripts.plan.shown.layers import COMPARED

NO_CHECKPOINTS = "No model of the study has models.*.train.checkpoints."

TABLE = Table(
    name="checkpoints",
    stage="table_checkpoints",
    place=Place("training", 1),
    inputs=lambda plan: {
        "metrics": [
            paths.metric(name, plan.embedded.alignment, checkpoint, BASE)
            for model in plan.models.with_checkpoints
            for checkpoint in plan.models.steps_of(model)
            for name in COMPARED
        ]
    },
    spec=lambda plan: {
        "models": [
            {"model": described.model(plan, model, seen=False), "steps": list(plan.models.steps_of(model).items())}
            for model in plan.models.with_checkpoints
        ],
        "layer": str(plan.config.embeddings.layer),
        "languages": plan.config.study.alignment.languages,
        "pivot": plan.corpora.pivot,
        **described.pivoted(plan),
        **described.resampling(plan),
    },
    why_none=lambda plan: None if plan.models.with_checkpoints else NO_CHECKPOINTS,
    beyond=True,
)
FIGURE = Figure(
    kind="checkpoints",
    stage="figure_checkpoints",
    place=Place("training", 2),
    figures=lambda plan: by_model("checkpoints", plan.models.with_checkpoints, plan.config.study.targets),
    inputs=lambda plan, contents: {"checkpoints": ["<results>/checkpoints.csv"]},
    spec=lambda plan, contents: {
        "model": described.model(plan, contents.models[0], seen=False),
        "steps": list(plan.models.steps_of(contents.models[0]).values()),
        "confidence": plan.config.correlations.confidence,
        **described.pivoted(plan),
    },
    why_none=lambda plan: None if plan.models.with_checkpoints else NO_CHECKPOINTS,
    beyond=True,
)

"""The table and the figures of measures by layer, for models that are measured by further layers."""

from typing import TYPE_CHECKING, Any

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Figure, Place, Table, by_model

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan

COMPARED = ("alignment", "abx")  # metric CSVs by which layers, and steps of a training, are compared
NO_LAYERS = "No model of the study has models.*.layers."


def control(plan: "Plan") -> str | None:
    """Return the target whose random control is shown, if there is one."""
    return plan.config.study.shown_target if plan.conditions.seeds else None


def table_spec(plan: "Plan") -> dict[str, Any]:
    """Return what the table shows."""
    return {
        "models": [
            {"model": described.model(plan, model, seen=False), "layers": list(plan.models.layers_of(model))}
            for model in plan.models.with_layers
        ],
        "poolings": plan.conditions.poolings,
        "targets": plan.config.study.targets,
        "control": control(plan),
        "control_seed": next(iter(plan.conditions.seeds), None),
        "languages": plan.config.study.alignment.languages,
        "pivot": plan.corpora.pivot,
        **described.pivoted(plan),
        **described.resampling(plan),
    }


TABLE = Table(
    name="layers",
    stage="table_layers",
    place=Place("layers", 1),
    inputs=lambda plan: {"metrics": described.layered_metrics(plan, COMPARED)},
    spec=table_spec,
    why_none=lambda plan: None if plan.models.with_layers else NO_LAYERS,
    beyond=True,
)
FIGURE = Figure(
    kind="layers",
    stage="figure_layers",
    place=Place("layers", 2),
    figures=lambda plan: by_model("layers", plan.models.with_layers, plan.config.study.targets),
    inputs=lambda plan, contents: {"layers": ["<results>/layers.csv"]},
    spec=lambda plan, contents: {
        "model": described.model(plan, contents.models[0], seen=False),
        "layers": list(plan.models.layers_of(contents.models[0])),
        "poolings": plan.conditions.poolings,
        "targets": plan.config.study.targets,
        "control": control(plan),
        "names": described.names(plan, plan.config.study.targets),
        **described.pivoted(plan),
    },
    why_none=lambda plan: None if plan.models.with_layers else NO_LAYERS,
    beyond=True,
)

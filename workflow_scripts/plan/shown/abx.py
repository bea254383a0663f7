"""The table and the figures of ABX discrimination of language and of meaning."""

from typing import TYPE_CHECKING

from workflow_scripts.plan import paths
from workflow_scripts.plan.names import BASE
from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Figure, Place, Table, by_model

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan

TABLE = Table(
    name="abx",
    stage="table_abx",
    place=Place("discrimination", 1),
    inputs=lambda plan: {"abx": described.space_metrics(plan, "abx", plan.conditions.experts_and_randoms)},
    spec=lambda plan: {
        **described.models(plan),
        "targets": plan.config.study.targets,
        "languages": plan.config.study.alignment.languages,
        "dataset": plan.config.study.alignment.dataset,
        "seeds": plan.conditions.seeds,
        **described.resampling(plan),
    },
    beyond=True,
)


def figure(kind: str, place: Place) -> Figure:
    """Return a kind of figure of these scores, one per model."""
    return Figure(
        kind=kind,
        stage=f"figure_{kind}",
        place=place,
        figures=lambda plan: by_model(kind, plan.models.names, plan.config.study.targets),
        inputs=lambda plan, contents: {"abx": described.shown_metrics(plan, "abx", contents)},
        spec=described.space,
        beyond=True,
    )


LANGUAGES = figure("abx", Place("discrimination", 2))
PAIRS = figure("abx_pairs", Place("discrimination", 3))


def mapped(plan: "Plan") -> list[str]:
    """Return the models of the study that are measured by further layers, and at steps of their training."""
    return [model for model in plan.models.with_layers if model in plan.models.with_checkpoints]


MAP = Figure(
    kind="abx_map",
    stage="figure_abx_map",
    place=Place("training", 3),
    figures=lambda plan: by_model("abx_map", mapped(plan), plan.config.study.targets),
    inputs=lambda plan, contents: {
        "abx": [
            paths.metric("abx", plan.embedded.alignment, checkpoint, BASE, layer)
            for model in contents.models
            for checkpoint in plan.models.steps_of(model)
            for layer in plan.models.layers_of(model).values()
        ]
    },
    spec=lambda plan, contents: {
        "model": described.model(plan, contents.models[0], seen=False),
        "layers": list(plan.models.layers_of(contents.models[0])),
        "steps": list(plan.models.steps_of(contents.models[0]).items()),
        "dataset": plan.config.study.alignment.dataset,
        "languages": plan.config.study.alignment.languages,
    },
    why_none=lambda plan: None if mapped(plan) else "No model of the study has both layers and train.checkpoints.",
    beyond=True,
)

"""Figures 3, 6–20 and 27–29: UMAP of the space before and after, under experts and under random neurons."""

from typing import TYPE_CHECKING, Any

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Contents, Figure, Inputs, Place, by_model, numbered

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan


def figures(plan: "Plan") -> list[Contents]:
    """Return the figure of the shown target in all models, then one per model and target."""
    shown = plan.config.study.shown_target
    single = [
        Contents(f"projection/{model}/{target}", [model], [target])
        for model in plan.models.names
        for target in plan.config.study.targets
    ]
    return [Contents(f"projection/{shown}", plan.models.names, [shown], 3), *numbered(single, 6, 15)]


def nameable(plan: "Plan") -> list[Contents]:
    """Return the figure of each target in all models, and each single one."""
    together = [Contents(f"projection/{each}", plan.models.names, [each]) for each in plan.config.study.targets]
    return [*together, *figures(plan)[1:]]


def inputs(plan: "Plan", contents: Contents) -> Inputs:
    """Return the projections of the figure's models."""
    return {"projections": [f"<results>/projections/{model}.parquet" for model in contents.models]}


def spec(plan: "Plan", contents: Contents, random: bool = False) -> dict[str, Any]:
    """Return what a figure shows, under experts or under the first draw of random neurons."""
    return {
        **described.space(plan, contents),
        "units": "random" if random else "expert",
        "seed": plan.conditions.seeds[0] if random else None,
        **plan.config.projection.model_dump(exclude={"seed"}),
    }


EXPERTS = Figure(
    kind="projection",
    stage="figure_projection",
    place=Place("space", 3),
    figures=figures,
    nameable=nameable,
    inputs=inputs,
    spec=spec,
)
RANDOM = Figure(
    kind="projection_random",
    stage="figure_projection",
    place=Place("random", 2),
    figures=lambda plan: numbered(
        by_model("projection_random", plan.models.names if plan.conditions.seeds else [], plan.config.study.targets),
        27,
        3,
    ),
    inputs=inputs,
    spec=lambda plan, contents: spec(plan, contents, random=True),
    why_none=lambda plan: None if plan.conditions.seeds else "random_control.seeds is empty.",
)

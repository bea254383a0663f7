"""Figures 4, 21–23 and 30–32: retrieval accuracy by candidate language, under experts and under random neurons."""

from typing import TYPE_CHECKING

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Contents, Figure, Place, by_model, numbered

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan


def of_targets(kind: str, number: int):
    """Return the functions that give the figures of a kind: the shown target's alone, and those of all targets."""

    def nameable(plan: "Plan") -> list[Contents]:
        return [Contents(f"{kind}/{each}", plan.models.names, [each]) for each in plan.config.study.targets]

    def figures(plan: "Plan") -> list[Contents]:
        shown = plan.config.study.shown_target
        return [Contents(f"{kind}/{shown}", plan.models.names, [shown], number)]

    return {"figures": figures, "nameable": nameable}


def of_other_targets(kind: str, first: int):
    """Return the functions that give the figures of all targets but the shown one, one per model, and why not."""

    def others(plan: "Plan") -> list[str]:
        return [target for target in plan.config.study.targets if target != plan.config.study.shown_target]

    def figures(plan: "Plan") -> list[Contents]:
        targets = others(plan)
        return numbered(by_model(kind, plan.models.names if targets else [], targets), first, 3)

    def why_none(plan: "Plan") -> str | None:
        return None if others(plan) else "study.targets names the shown target alone."

    return {"figures": figures, "why_none": why_none}


def kind(name: str, place: Place, random: bool = False, **which) -> Figure:
    """Return a kind of figure of retrieval accuracy."""
    return Figure(
        kind=name,
        stage="figure_retrieval",
        place=place,
        inputs=lambda plan, contents: {
            "retrieved": described.shown_metrics(plan, "retrieved", contents, random=random)
        },
        spec=lambda plan, contents: {
            **described.retrieval(plan, contents),
            **described.resampling(plan),
            "units": "random" if random else "expert",
            "seeds": plan.conditions.seeds if random else [],
        },
        **which,
    )


SHOWN = kind("retrieval", Place("retrieval", 1), **of_targets("retrieval", 4))
OTHERS = kind("retrieval_other_targets", Place("retrieval", 4), **of_other_targets("retrieval_other_targets", 21))
RANDOM = kind(
    "retrieval_random",
    Place("random", 3),
    random=True,
    figures=lambda plan: numbered(
        by_model("retrieval_random", plan.models.names if plan.conditions.seeds else [], plan.config.study.targets),
        30,
        3,
    ),
    why_none=lambda plan: None if plan.conditions.seeds else "random_control.seeds is empty.",
)

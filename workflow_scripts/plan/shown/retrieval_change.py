"""Figures 5 and 24–26: the change of retrieval accuracy for every pair of languages."""

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Figure, Place
from workflow_scripts.plan.shown.retrieval import of_other_targets, of_targets


def kind(name: str, place: Place, **which) -> Figure:
    """Return a kind of figure of the change."""
    return Figure(
        kind=name,
        stage="figure_retrieval_change",
        place=place,
        inputs=lambda plan, contents: {"retrieved": described.shown_metrics(plan, "retrieved", contents)},
        spec=lambda plan, contents: {**described.retrieval(plan, contents), **described.resampling(plan)},
        **which,
    )


SHOWN = kind("retrieval_change", Place("retrieval", 2), **of_targets("retrieval_change", 5))
OTHERS = kind(
    "retrieval_change_other_targets",
    Place("retrieval", 5),
    **of_other_targets("retrieval_change_other_targets", 24),
)

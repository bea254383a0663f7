"""The table and the figures of ABX discrimination of language and of meaning."""

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Figure, Place, Table, by_model

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

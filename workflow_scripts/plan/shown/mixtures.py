"""The tables and the figure of models that were trained on different mixtures of languages."""

from typing import TYPE_CHECKING, Any

from workflow_scripts.plan import paths
from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Contents, Figure, Inputs, Place, Table

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan

OUTCOMES_CSV = "<results>/mixtures.csv"


def trained(plan: "Plan") -> list[str]:
    """Return the models of the study whose shares of languages in the training are known."""
    return [name for name in plan.models.from_source("train") if plan.models[name].train.shares]


def models(plan: "Plan") -> dict[str, Any]:
    """Return the models and the poolings, with the mixture and the seed of each model."""
    described_models = [
        {**described.model(plan, name), "seed": train.seed, "shares": train.shares}
        for name in trained(plan)
        for train in [plan.models[name].train]
    ]
    return {"models": described_models, "poolings": plan.conditions.poolings}


def swept(plan: "Plan", file: str) -> list[str]:
    """Return a file of every sweep of the models, where their number of experts is in the sweep, and none is."""
    ks = set(plan.config.sweep.ks)
    known = all({0, plan.models[name].k} <= ks for name in trained(plan))
    return paths.sweeps(file, trained(plan), plan.sweeps.names(compared=False)) if known else []


def inputs(plan: "Plan") -> Inputs:
    """Return every metric of the models, their rankings of neurons and their experts."""
    names = trained(plan)
    alignment = plan.embedded.alignment
    return {
        "alignment": paths.metrics("alignment", alignment, names, plan.conditions.experts_and_randoms),
        "language_id": swept(plan, "language_id.csv"),
        "perplexity": swept(plan, "perplexity.csv"),
        "experts": [f"<results>/experts/{name}/{pooling}.h5" for name in names for pooling in plan.conditions.poolings],
        "conditions": [
            paths.condition(plan.conditions.expert(name, target, pooling), name)
            for name in names
            for pooling in plan.conditions.poolings
            for target in plan.config.study.targets
        ],
    }


def why_none(plan: "Plan") -> str | None:
    """Return why the study has no models to compare."""
    several = len({str(plan.models[name].train.shares) for name in trained(plan)}) > 1
    return None if several else "No two models of the study have different models.*.train.proportions."


OUTCOMES = Table(
    name="mixtures",
    stage="table_mixtures",
    place=Place("mixtures", 4),
    inputs=inputs,
    spec=lambda plan: {
        **models(plan),
        "targets": plan.config.study.targets,
        "languages": plan.config.study.alignment.languages,
        "dataset": plan.config.study.alignment.dataset,
        "seeds": plan.conditions.seeds,
        "chosen": {name: plan.models[name].k for name in trained(plan)},
        **described.resampling(plan),
    },
    why_none=why_none,
    beyond=True,
)
ANSWERS = Table(
    name="mixtures_answers",
    stage="table_mixtures_answers",
    place=Place("mixtures", 1),
    inputs=lambda plan: {"mixtures": [OUTCOMES_CSV]},
    spec=lambda plan: {
        **models(plan),
        "names": described.names(plan, plan.config.study.targets),
        "confidence": plan.config.correlations.confidence,
    },
    why_none=why_none,
    beyond=True,
)
REGRESSIONS = Table(
    name="mixtures_regressions",
    stage="table_mixtures_regressions",
    place=Place("mixtures", 3),
    inputs=lambda plan: {"mixtures": [OUTCOMES_CSV]},
    spec=lambda plan: {**models(plan), "confidence": plan.config.correlations.confidence},
    why_none=why_none,
    beyond=True,
)
FIGURE = Figure(
    kind="mixtures",
    stage="figure_mixtures",
    place=Place("mixtures", 2),
    figures=lambda plan: [Contents("mixtures", trained(plan), plan.config.study.targets)],
    inputs=lambda plan, contents: {"mixtures": [OUTCOMES_CSV]},
    spec=lambda plan, contents: {
        **models(plan),
        "targets": plan.config.study.targets,
        "names": described.names(plan, plan.config.study.targets),
        "dataset": plan.config.study.alignment.dataset,
        "confidence": plan.config.correlations.confidence,
    },
    why_none=why_none,
    beyond=True,
)

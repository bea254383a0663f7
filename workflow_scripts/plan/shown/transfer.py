"""The tables and the figures of probes that are trained in one language and tested in all."""

from typing import TYPE_CHECKING, Any

from workflow_scripts.plan import paths
from workflow_scripts.plan.names import UNTRAINED
from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Contents, Figure, Inputs, Place, Table, by_model

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan


def why_none(plan: "Plan") -> str | None:
    """Return why the study has no probes."""
    return None if plan.corpora.probed else "study.topics and study.treebank are null."


def inputs(plan: "Plan") -> Inputs:
    """Return the scores of probes, those of words with random weights too, the baselines, and the ABX scores."""
    treebank = plan.config.study.treebank
    untrained = (
        paths.metrics("transfer", treebank.dataset, plan.models.names, lambda model: [UNTRAINED], base=False)
        if treebank
        else []
    )
    return {
        "transfer": [*described.probe_metrics(plan, "transfer", plan.conditions.experts_of), *untrained],
        "baselines": described.probe_metrics(plan, "transfer_baselines", lambda model: []),
        "abx": described.space_metrics(plan, "abx", plan.conditions.experts_of),
    }


def figure_inputs(plan: "Plan", contents: Contents) -> Inputs:
    """Return the scores of the figure's model."""
    datasets = dict.fromkeys(corpus.dataset for corpus in plan.corpora.probed.values())
    return {
        "transfer": [
            path
            for dataset in datasets
            for path in paths.metrics("transfer", dataset, contents.models, plan.conditions.experts_of)
        ]
    }


def figure_spec(plan: "Plan", contents: Contents) -> dict[str, Any]:
    """Return what a figure shows."""
    codes = [code for corpus in plan.corpora.probed.values() for code in corpus.languages]
    return {
        "panels": described.panels(plan, contents),
        "poolings": plan.conditions.poolings,
        "tasks": described.probes(plan),
        "names": described.names(plan, dict.fromkeys([*contents.targets, *codes])),
    }


TABLE = Table(
    name="transfer",
    stage="table_transfer",
    place=Place("transfer", 1),
    inputs=inputs,
    spec=lambda plan: {
        **described.models(plan),
        "targets": plan.config.study.targets,
        "tasks": described.probes(plan),
        "discriminated": plan.config.study.alignment.model_dump(),
        **described.resampling(plan),
    },
    why_none=why_none,
    beyond=True,
)
SOURCES = Table(
    name="sources",
    stage="table_sources",
    place=Place("transfer", 3),
    inputs=lambda plan: {
        "similarities": described.similarities(plan),
        "transfer": described.probe_metrics(plan, "transfer", lambda model: []),
        "ngrams": [paths.NGRAMS] if plan.config.study.topics and plan.config.transfer.ngrams else [],
    },
    spec=lambda plan: {
        "models": [described.model(plan, name, seen=False) for name in plan.models.names],
        "tasks": described.probes(plan),
        **described.resampling(plan),
    },
    why_none=why_none,
    beyond=True,
)


def why_no_few_shot(plan: "Plan") -> str | None:
    """Return why no probe has a few examples of the tested language."""
    if plan.config.study.topics is None:
        return "study.topics is null."
    return "transfer.few_shot is null." if plan.config.transfer.few_shot is None else None


def few_shot_inputs(plan: "Plan") -> Inputs:
    """Return the scores of probes with a few examples, unintervened and where wanted on experts."""
    conditions_of = plan.conditions.experts_of if plan.config.transfer.few_shot.experts else lambda model: []
    return {
        "few_shot": paths.metrics("few_shot", plan.config.study.topics.dataset, plan.models.names, conditions_of),
    }


def few_shot_spec(plan: "Plan") -> dict[str, Any]:
    """Return what the table of probes with a few examples shows."""
    few_shot, topics = plan.config.transfer.few_shot, plan.config.study.topics
    return {
        **described.models(plan),
        "targets": plan.config.study.targets,
        "task": {"name": "topics", **topics.model_dump()},
        "sources": few_shot.sources or topics.languages,
        "examples": few_shot.examples,
        "experts": few_shot.experts,
        **described.resampling(plan),
    }


FEW_SHOT = Table(
    name="few_shot",
    stage="table_few_shot",
    place=Place("transfer", 4),
    inputs=few_shot_inputs,
    spec=few_shot_spec,
    why_none=why_no_few_shot,
    beyond=True,
)
FIGURE = Figure(
    kind="transfer",
    stage="figure_transfer",
    place=Place("transfer", 2),
    figures=lambda plan: by_model("transfer", [] if why_none(plan) else plan.models.names, plan.config.study.targets),
    inputs=figure_inputs,
    spec=figure_spec,
    why_none=why_none,
    beyond=True,
)

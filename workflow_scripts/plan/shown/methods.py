"""The table and the figures of the methods of intervention that are compared with the study's own."""

from typing import TYPE_CHECKING, Any

from workflow_scripts.plan.names import BASE
from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Figure, Inputs, Place, Table, by_model
from workflow_scripts.tables.shown_models import BASE_ROW, CONSTANT_ROW, OWN_ROW

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan


def inputs(plan: "Plan") -> Inputs:
    """Return what is measured under the study's intervention and under every compared method."""
    conditions = plan.conditions
    return {
        "distances": described.space_metrics(plan, "distances", conditions.compared),
        "retrieval": described.space_metrics(plan, "retrieval", conditions.compared),
        "alignment": described.space_metrics(
            plan, "alignment", lambda model: conditions.experts_of(model, conditions.compared_targets), base=False
        ),
        "paraphrase": described.paraphrases(plan, conditions.compared, plan.corpora.paraphrase_targets()),
        "language_id": described.sweeps(plan, "language_id.csv", compared=True),
        "perplexity": described.sweeps(plan, "perplexity.csv", compared=True),
    }


def spec(plan: "Plan") -> dict[str, Any]:
    """Return the rows of the comparison, and how they are measured."""
    compared = plan.conditions.compared_targets
    return {
        **described.models(plan),
        "compared": [row for model in plan.models.names for row in rows(plan, model)],
        "base": BASE,
        "languages": plan.config.study.alignment.languages,
        "paraphrased": [target for target in plan.corpora.paraphrase_targets() if target in compared],
        "similarity": plan.config.metrics.shown_similarity,
        **described.resampling(plan),
    }


def rows(plan: "Plan", model: str) -> list[dict[str, Any]]:
    """Return the rows of a model: as it is, under the study's intervention, and under each other method."""
    conditions, own = plan.conditions, plan.config.intervention.strength
    targets = conditions.compared_targets
    found = [{"pooling": None, "method": BASE_ROW, "strength": 0.0, "conditions": {each: [BASE] for each in targets}}]
    for pooling in conditions.poolings:
        experts = {target: [conditions.expert(model, target, pooling)] for target in targets}
        found.append({"pooling": pooling, "method": CONSTANT_ROW, "strength": None, "conditions": experts})
        found.append({"pooling": pooling, "method": OWN_ROW, "strength": own, "conditions": experts})
        found += [row for name in conditions.methods for row in rows_by_method(plan, model, name, pooling)]
    found += [row for name in conditions.methods for row in rows_by_method(plan, model, name, None)]
    return [{"model": model, **row} for row in found]


def rows_by_method(plan: "Plan", model: str, method: str, pooling: str | None) -> list[dict[str, Any]]:
    """Return the rows of a method with a pooling, or without one; none if there are no such conditions."""
    conditions = plan.conditions
    if pooling not in conditions.poolings_of(method):
        return []
    slugs = {each: conditions.by_method(model, each, pooling, method) for each in conditions.compared_targets}
    return [
        {
            "pooling": pooling,
            "method": method,
            "strength": strength,
            "conditions": {target: by_strength[strength] for target, by_strength in slugs.items()},
        }
        for strength in plan.config.methods[method].strengths
    ]


def why_none(plan: "Plan") -> str | None:
    """Return why the study compares no methods."""
    return None if plan.conditions.methods else "study.comparison names no methods."


TABLE = Table(
    name="methods",
    stage="table_methods",
    place=Place("methods", 1),
    inputs=inputs,
    spec=spec,
    why_none=why_none,
    beyond=True,
)
FIGURE = Figure(
    kind="methods",
    stage="figure_methods",
    place=Place("methods", 2),
    figures=lambda plan: by_model("methods", plan.sweeps.models_with_methods, plan.config.study.targets),
    inputs=lambda plan, contents: {"table": ["<results>/methods.csv"]},
    spec=lambda plan, contents: {
        "model": described.model(plan, contents.models[0], seen=False),
        "poolings": plan.conditions.poolings,
        "methods": plan.conditions.methods,
        "targets": plan.conditions.compared_targets,
    },
    why_none=why_none,
    beyond=True,
)

"""Figure 2: generated language and perplexity against the number of experts."""

from typing import TYPE_CHECKING, Any

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Contents, Figure, Place, Table

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan


def spec(plan: "Plan", contents: Contents) -> dict[str, Any]:
    """Return the lines of the figure, and which models have none."""
    generation, generating = plan.config.generation, plan.config.generating_models
    left_out = [described.model(plan, name, seen=False) for name in plan.models.names if name not in generating]
    return {
        "models": [described.model(plan, name) for name in generating],
        "left_out": left_out,
        "poolings": plan.conditions.poolings,
        "targets": plan.sweeps.targets,
        "ks": sorted(plan.config.sweep.ks),
        "chosen": {name: plan.models[name].k for name in generating},
        "names": described.names(plan, plan.sweeps.targets),
        "identifier": generation.identifier,
        "sentences": generation.sentences,
        "seeds": generation.seeds,
        "dataset": plan.config.study.perplexity.dataset,
        "standard_error": plan.config.perplexity.standard_error,
    }


FIGURE = Figure(
    kind="sweep",
    stage="figure_sweep",
    place=Place("intervention", 1),
    figures=lambda plan: (
        [Contents("sweep", plan.config.generating_models, plan.sweeps.targets, 2)] if plan.sweeps.targets else []
    ),
    inputs=lambda plan, contents: {
        "language_id": described.sweeps(plan, "language_id.csv"),
        "perplexity": described.sweeps(plan, "perplexity.csv"),
    },
    spec=spec,
    why_none=lambda plan: plan.sweeps.why_none(plan.models.names),
)


def why_no_prompts(plan: "Plan") -> str | None:
    """Return why no text is generated from prompts."""
    if plan.config.generation.prompts is None:
        return "generation.prompts is null."
    return plan.sweeps.why_none(plan.models.names)


def prompted_spec(plan: "Plan") -> dict[str, Any]:
    """Return what the table of texts from prompts shows."""
    generation = plan.config.generation
    language = generation.prompts.language
    return {
        "models": [described.model(plan, name, seen=False) for name in plan.config.generating_models],
        "poolings": plan.conditions.poolings,
        "targets": plan.sweeps.targets,
        "ks": plan.config.sweep.ks,
        "seeds": generation.seeds,
        "sentences": generation.sentences,
        "words": generation.prompts.words,
        "language_name": described.names(plan, [language])[language],
    }


PROMPTED = Table(
    name="prompted",
    stage="table_prompted",
    place=Place("intervention", 2),
    inputs=lambda plan: {
        "language_id": described.sweeps(plan, "language_id.csv"),
        "prompted": described.sweeps(plan, "language_id.csv", start="prompted/"),
    },
    spec=prompted_spec,
    why_none=why_no_prompts,
    beyond=True,
)

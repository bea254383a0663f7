"""The paper's claims, decided on what was measured."""

from typing import TYPE_CHECKING, Any

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Inputs, Place, Table

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan


def inputs(plan: "Plan") -> Inputs:
    """Return every metric that a claim is about."""
    both = plan.conditions.experts_and_randoms
    return {
        "distances": described.space_metrics(plan, "distances", both),
        "medoid": described.space_metrics(plan, "medoid", both),
        "retrieval": described.space_metrics(plan, "retrieval", both),
        "paraphrase": described.paraphrases(plan, both, plan.corpora.paraphrase_targets()),
        "correlations": described.space_metrics(plan, "correlations", plan.conditions.experts_of, base=False),
        "language_id": described.sweeps(plan, "language_id.csv"),
        "perplexity": described.sweeps(plan, "perplexity.csv"),
    }


def spec(plan: "Plan") -> dict[str, Any]:
    """Return the models and the readings on which claims are decided."""
    study, metrics = plan.config.study, plan.config.metrics
    return {
        **described.published_models(plan),
        "targets": study.targets,
        "shown_target": study.shown_target,
        "languages": study.alignment.languages,
        "similarity": metrics.shown_similarity,
        "distance": metrics.shown_distance,
        "medoid": metrics.shown_medoid,
        "seeds": plan.conditions.seeds,
        "ks": sorted(plan.config.sweep.ks),
        "chosen": {name: plan.models[name].k for name in plan.models.names},
    }


TABLE = Table(name="claims", stage="table_claims", place=Place("published", 1), inputs=inputs, spec=spec)

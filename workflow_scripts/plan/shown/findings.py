"""What was found, in sentences, which open the report."""

from typing import TYPE_CHECKING, Any

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Inputs

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan


def inputs(plan: "Plan") -> Inputs:
    """Return every metric that a sentence is about."""
    both = plan.conditions.experts_and_randoms
    return {
        "distances": described.space_metrics(plan, "distances", both),
        "retrieval": described.space_metrics(plan, "retrieval", both),
        "alignment": described.space_metrics(plan, "alignment", plan.conditions.experts_of),
        "language_id": described.sweeps(plan, "language_id.csv"),
        "perplexity": described.sweeps(plan, "perplexity.csv"),
    }


def spec(plan: "Plan") -> dict[str, Any]:
    """Return the models and the readings that the sentences are about."""
    study, metrics = plan.config.study, plan.config.metrics
    return {
        **described.models(plan),
        "targets": study.targets,
        "shown_target": study.shown_target,
        "languages": study.alignment.languages,
        "names": described.names(plan, study.alignment.languages),
        "similarity": metrics.shown_similarity,
        "distance": metrics.shown_distance,
        "chosen": {name: plan.models[name].k for name in plan.models.names},
        **described.resampling(plan),
    }

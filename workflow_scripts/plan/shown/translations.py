"""Table 7: retrieval of translations in Tatoeba and BUCC-18."""

from typing import TYPE_CHECKING, Any

from workflow_scripts.plan import paths
from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Inputs, Place, Table

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan


def inputs(plan: "Plan") -> Inputs:
    """Return the accuracies of every data set, under experts of its targets and unintervened."""
    return {
        "translation": [
            path
            for dataset, targets in plan.corpora.translated.items()
            for path in paths.metrics(
                "translation",
                dataset,
                plan.models.names,
                lambda model, targets=targets: plan.conditions.experts_of(model, targets),
            )
        ]
    }


def spec(plan: "Plan") -> dict[str, Any]:
    """Return what the table shows of each benchmark."""
    roles = {"tatoeba": plan.config.used("translation"), "bucc18": plan.config.used("mining")}
    translated = {code for languages in plan.corpora.translated.values() for code in languages}
    return {
        **described.models(plan),
        "similarity": plan.config.metrics.shown_similarity,
        "datasets": {
            corpus.dataset: {"benchmark": benchmark, "targets": corpus.languages}
            for benchmark, corpus in roles.items()
            if corpus is not None
        },
        "names": described.names(plan, [code for code in plan.config.study.targets if code in translated]),
    }


TABLE = Table(
    name="table7",
    stage="table_translation",
    place=Place("retrieval", 6),
    inputs=inputs,
    spec=spec,
    why_none=lambda plan: (
        None if plan.corpora.translated else "study.translation and study.mining name no text in a target language."
    ),
)

"""The table of what is left of each change when spaces are centred, beside a constant and random neurons."""

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Place, Table

TABLE = Table(
    name="centred",
    stage="table_centred",
    place=Place("shift", 1),
    inputs=lambda plan: {
        "metrics": [
            *described.space_metrics(plan, "alignment", plan.conditions.experts_and_randoms),
            *described.paraphrases(plan, plan.conditions.experts_and_randoms, plan.corpora.paraphrase_targets()),
        ]
    },
    spec=lambda plan: {
        **described.models(plan),
        "targets": plan.config.study.targets,
        "languages": plan.config.study.alignment.languages,
        "paraphrase_targets": plan.corpora.paraphrase_targets(),
        "seeds": plan.conditions.seeds,
        **described.resampling(plan),
    },
    beyond=True,
)

"""Tables 3, 5 and 6: paraphrase retrieval in the shown target, in the others, and under random neurons."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workflow_scripts.plan.shown import described
from workflow_scripts.plan.shown.declaration import Place, Table

if TYPE_CHECKING:
    from workflow_scripts.plan import Plan

NO_PARAPHRASES = "study.paraphrase names no text in {}."


def spec(plan: "Plan", targets: list[str], seeds: Sequence[int] = ()) -> dict[str, Any]:
    """Return what a table of paraphrase retrieval shows, under experts or, where there are seeds, random neurons."""
    return {
        **described.models(plan),
        "targets": targets,
        "similarity": plan.config.metrics.shown_similarity,
        "names": described.names(plan, targets),
        "units": "random" if seeds else "expert",
        "seeds": list(seeds),
    }


def table(name: str, shown: bool, place: Place, of_whom: str) -> Table:
    """Return the table of the shown target, or of the others."""
    return Table(
        name=name,
        stage="table_paraphrase",
        place=place,
        inputs=lambda plan: {
            "paraphrase": described.paraphrases(
                plan, plan.conditions.experts_of, plan.corpora.paraphrase_targets(shown)
            )
        },
        spec=lambda plan: spec(plan, plan.corpora.paraphrase_targets(shown)),
        why_none=lambda plan: None if plan.corpora.paraphrase_targets(shown) else NO_PARAPHRASES.format(of_whom),
    )


def why_no_control(plan: "Plan") -> str | None:
    """Return why the study has no Table 6."""
    if not plan.corpora.paraphrase_targets():
        return NO_PARAPHRASES.format("a target language")
    return None if plan.conditions.seeds else "random_control.seeds is empty."


SHOWN = table("table3", True, Place("paraphrases", 1), "the shown target's language")
OTHERS = table("table5", False, Place("paraphrases", 2), "the language of another target")
RANDOM = Table(
    name="table6",
    stage="table_paraphrase",
    place=Place("random", 1),
    inputs=lambda plan: {
        "paraphrase": described.paraphrases(plan, plan.conditions.randoms_of, plan.corpora.paraphrase_targets())
    },
    spec=lambda plan: spec(plan, plan.corpora.paraphrase_targets(), plan.conditions.seeds),
    why_none=why_no_control,
)

"""What probes tell, as tables and figures show it."""

from pydantic import Field

from workflow_scripts.config.settings import DatasetName, ProbedLanguages
from workflow_scripts.jobs.spec import Spec

# What probes tell, as readers see it; the measure that is shown; and its baseline, which needs no model.
LABELS = {"topics": "Topics", "tags": "Parts of speech", "attachment": "Attachment"}
MEASURES = {"topics": "accuracy", "tags": "accuracy", "attachment": "uuas"}
BASELINES = {"topics": "majority", "tags": "majority", "attachment": "right_branching"}
MEANINGS = {
    "topics": "topics: accuracy of a logistic regression on sentence embeddings",
    "tags": "parts of speech: accuracy of a logistic regression on word embeddings",
    "attachment": "attachment: share of the edges of dependency trees, without punctuation, that are in the minimum "
    "spanning tree by a structural probe's distances (UUAS)",
}


class Task(Spec):
    """What a probe tells, and on what."""

    name: str = Field(description="topics, tags or attachment.")
    dataset: DatasetName
    languages: ProbedLanguages


def explained(tasks: list[Task]) -> str:
    """Return what is measured, and on which data sets, as a sentence."""
    told = [f"{MEANINGS[task.name]} ({task.dataset}, {len(task.languages)} languages)" for task in tasks]
    said = "; ".join(told)
    return f"{said[0].upper()}{said[1:]}."

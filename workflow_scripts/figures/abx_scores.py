"""What the figures of ABX scores share: what they show, and the scores before and after for every pair of languages."""

import pandas as pd
from pydantic import Field

from workflow_scripts.jobs import stage
from workflow_scripts.measures.definitions.abx import TASKS
from workflow_scripts.measures.metric_files import grid, pre_and_post
from workflow_scripts.tables.shown_models import Panel


class Spec(stage.Spec):
    """What the figure shows."""

    panels: list[Panel] = Field(min_length=1, description="Models and targets of the columns.")
    poolings: list[str] = Field(min_length=1, description="How a neuron's response was pooled; a row of panels each.")
    languages: list[str] = Field(min_length=2, description="Languages in the order of the axes.")
    dataset: str = Field(description="Name of the parallel data set.")
    names: dict[str, str] = Field(description="Names of languages, for the caption.")


def scores_of_pairs(scores: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """One row for each model, pooling, target, task and ordered pair (first, second), with the columns pre and post.

    Raises:
        StudyError: an observation is missing.
    """
    wanted = pd.concat(
        [
            grid(
                model=[panel.model.name],
                pooling=spec.poolings,
                target=[panel.target],
                task=TASKS,
                first=spec.languages,
                second=spec.languages,
            )
            for panel in spec.panels
        ],
        ignore_index=True,
    )
    return pre_and_post(scores, wanted[wanted["first"] != wanted["second"]], "score", "ABX scores")

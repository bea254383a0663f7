"""What the figures of ABX scores share: the scores before and after, for every pair of languages."""

import pandas as pd

from workflow_scripts.figures.specs import SpacePanelsSpec
from workflow_scripts.measures.definitions.abx import TASKS
from workflow_scripts.measures.metric_files import pre_and_post

INPUTS = {"abx...": "ABX scores, one CSV per condition, that of the unintervened model too"}
COLUMNS = ["task", "first", "second", "score"]


def scores_of_pairs(scores: pd.DataFrame, spec: SpacePanelsSpec) -> pd.DataFrame:
    """Return one row per model, pooling, target, task and ordered pair (first, second), with the columns pre and post.

    Raises:
        StudyError: an observation is missing.
    """
    wanted = spec.grid(task=TASKS, first=spec.languages, second=spec.languages)
    return pre_and_post(scores, wanted[wanted["first"] != wanted["second"]], "score", "ABX scores")

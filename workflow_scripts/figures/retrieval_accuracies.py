"""What the figures of retrieval share: the files they read, and the similarity that retrieves."""

from workflow_scripts.config.settings import ShownSimilarity
from workflow_scripts.figures.specs import SpacePanelsSpec

INPUTS = {"retrieval...": "retrieval accuracies, one CSV per condition, that of the unintervened model too"}
COLUMNS = ["similarity", "query", "candidate", "accuracy"]


class RetrievalSpec(SpacePanelsSpec):
    """Panels that show how often retrieval by one similarity finds the translation."""

    similarity: ShownSimilarity

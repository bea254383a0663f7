"""What figures of retrieval accuracy on the parallel corpus are given, those of its change too."""

from workflow_scripts.config.settings import ShownSimilarity
from workflow_scripts.config.specs import ResampledSpec
from workflow_scripts.figures.specs import SpacePanelsSpec

INPUTS = {"retrieved...": "what each query counts, one parquet file per condition, that of the unintervened model too"}


class RetrievalSpec(SpacePanelsSpec, ResampledSpec):
    """What the figures depend on, beside their files."""

    similarity: ShownSimilarity

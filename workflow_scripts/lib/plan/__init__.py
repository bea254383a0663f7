"""The plan of a study: which conditions and files its config asks for, and which slice of it each job depends on.

The rules ask the plan; it knows nothing of Snakemake.
"""

from workflow_scripts.lib.plan.names import BASE, LAYER_PATTERN, ConditionName, layer_path
from workflow_scripts.lib.plan.shown import ShownSlices
from workflow_scripts.lib.plan.stages import StageSlices

__all__ = ["BASE", "LAYER_PATTERN", "ConditionName", "Plan", "layer_path"]


class Plan(StageSlices, ShownSlices):
    """The cells of a study's grid and the slices of config they depend on."""

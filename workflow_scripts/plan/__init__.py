"""The plan of a study: which conditions and files its config asks for, and which slice of it each job depends on.

The rules ask the plan; it knows nothing of Snakemake.
"""

from workflow_scripts.plan.names import BASE, LAYER_PATTERN, UNTRAINED, ConditionName, layer_path
from workflow_scripts.plan.stages import StageSlices
from workflow_scripts.plan.transfer import TransferSlices

__all__ = ["BASE", "LAYER_PATTERN", "UNTRAINED", "ConditionName", "Plan", "layer_path"]


class Plan(StageSlices, TransferSlices):
    """The cells of a study's grid and the slices of config they depend on."""

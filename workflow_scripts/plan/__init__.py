"""The plan of a study: which conditions and files its config asks for, and which slice of it each job depends on.

The rules ask the plan; it knows nothing of Snakemake.
"""

from workflow_scripts.config.study import Config
from workflow_scripts.plan.conditions import Conditions
from workflow_scripts.plan.corpora import Corpora
from workflow_scripts.plan.embedded import Embedded
from workflow_scripts.plan.models import Models
from workflow_scripts.plan.names import BASE, UNTRAINED, ConditionName
from workflow_scripts.plan.shown import Shown
from workflow_scripts.plan.slices import Slices
from workflow_scripts.plan.sweeps import Sweeps

__all__ = ["BASE", "UNTRAINED", "ConditionName", "Plan"]


class Plan:
    """The parts of a study's plan."""

    def __init__(self, config: Config):
        self.config = config
        self.models = Models(config)
        self.conditions = Conditions(config)
        self.corpora = Corpora(config)
        self.sweeps = Sweeps(config, self.conditions)
        self.embedded = Embedded(config, self.models, self.conditions, self.corpora)
        self.slices = Slices(config, self.models, self.conditions, self.corpora, self.embedded)
        self.shown = Shown(self)

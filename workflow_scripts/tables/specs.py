"""What the stages of tables are given: the models, and how responses are pooled."""

from itertools import product

from pydantic import Field

from workflow_scripts.config.fields import LanguageCode
from workflow_scripts.config.settings import Poolings, Targets
from workflow_scripts.config.specs import SpaceSpec
from workflow_scripts.jobs.spec import Spec
from workflow_scripts.tables.shown_models import Model


class ModelsSpec(Spec):
    """Models, in the order in which they are shown."""

    models: list[Model] = Field(min_length=1)

    @property
    def model_names(self) -> list[str]:
        """Return the names of the models in the metric CSVs."""
        return [model.name for model in self.models]

    @property
    def labels(self) -> dict[str, str]:
        """Return the label of each model by its name."""
        return {model.name: model.label for model in self.models}


class PooledSpec(ModelsSpec):
    """Models under interventions, whose experts are found by one pooling or several."""

    poolings: Poolings


class TargetsSpec(PooledSpec):
    """Models under the intervention on each target."""

    targets: Targets

    @property
    def conditions(self) -> dict[str, list[str]]:
        """Return the keys in metric CSVs of every model under every intervention."""
        return {"model": self.model_names, "pooling": self.poolings, "target": self.targets}

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """Return the name of the model, the pooling and the target of each row, in the order of the rows."""
        return list(product(*self.conditions.values()))


class PivotedSpec(SpaceSpec):
    """Measures of a space, with MEXA among them."""

    pivot: LanguageCode = Field(description="Language that MEXA compares the other languages with.")
    pivot_name: str = Field(description="Name of the pivot language, for the caption.")

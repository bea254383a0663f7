"""What the stages of figures are given: the panels of a figure and the names of their languages."""

import pandas as pd
from pydantic import Field

from workflow_scripts.config.settings import LanguageNames, Poolings
from workflow_scripts.config.specs import SpaceSpec
from workflow_scripts.jobs.spec import Spec
from workflow_scripts.measures.metric_files import grid
from workflow_scripts.tables.shown_models import Model, Panel


class PanelsSpec(Spec):
    """Panels, each of a model and a target, for every pooling."""

    panels: list[Panel] = Field(min_length=1)
    poolings: Poolings
    names: LanguageNames

    @property
    def models(self) -> list[Model]:
        """Return the models of the panels."""
        return [panel.model for panel in self.panels]

    @property
    def targets(self) -> list[str]:
        """Return the targets of the panels, each once."""
        return list(dict.fromkeys(panel.target for panel in self.panels))

    @property
    def target_names(self) -> str:
        """Return the names of the targets as a caption lists them."""
        return ", ".join(map(self.name, self.targets))

    def grid(self, **columns: list[str]) -> pd.DataFrame:
        """Return the keys of what is drawn, panel by panel: every pooling with every combination of further columns."""
        return pd.concat(
            [
                grid(model=[panel.model.name], pooling=self.poolings, target=[panel.target], **columns)
                for panel in self.panels
            ],
            ignore_index=True,
        )

    def name(self, language: str) -> str:
        """Return the name of a language, or its code where it has no name."""
        return self.names.get(language, language)


class SpacePanelsSpec(PanelsSpec, SpaceSpec):
    """Panels that show a space of sentence embeddings."""

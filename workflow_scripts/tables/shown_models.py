"""Models as tables, figures and the report show them."""

from collections.abc import Iterable
from typing import Protocol

from pydantic import Field

from workflow_scripts.config.architectures import NAMES, Architecture, generates
from workflow_scripts.config.fields import LanguageCode
from workflow_scripts.config.settings import ModelLabel, ModelName, Target
from workflow_scripts.jobs.spec import Spec

# Rows of the comparison of methods: the unintervened model, the study's own intervention, and the control that adds the
# same vector to every embedding.
BASE_ROW, OWN_ROW, CONSTANT_ROW = "none", "intervention", "constant"


class Model(Spec):
    """A model as tables and figures show it."""

    name: ModelName
    label: ModelLabel
    seen: list[LanguageCode] | None = Field(
        None, description="Candidate languages that were seen in pre-training; null: all of them."
    )
    architecture: Architecture = "causal"

    def has_seen(self, language: str) -> bool:
        """Return whether a language was in the pre-training data."""
        return self.seen is None or language in self.seen

    @property
    def generates(self) -> bool:
        """Return whether the model has perplexity and generated sentences."""
        return generates(self.architecture)


class Labelled(Protocol):
    """A model with a label and an architecture, here or in the config."""

    label: str
    architecture: Architecture


def without_text(models: Iterable[Labelled]) -> str:
    """Return a sentence that says which models have no perplexity and no generation, and why; nothing if all have."""
    named = [f"{model.label} ({NAMES[model.architecture]})" for model in models if not generates(model.architecture)]
    return f"Perplexity and generation are left out for {' and '.join(named)}." if named else ""


class Panel(Spec):
    """A column of panels in a figure: a model under the intervention on a target."""

    model: Model
    target: Target
    title: str = Field(description="Title of the panel: the label of the model, the name of the target, or both.")

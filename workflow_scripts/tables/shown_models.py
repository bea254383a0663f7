"""Models as tables, figures and the report show them."""

from collections.abc import Iterable
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from workflow_scripts.config.architectures import NAMES, Architecture, generates

# Rows of the comparison of methods: the unintervened model, the study's own intervention, and the control that adds the
# same vector to every embedding.
BASE_ROW, OWN_ROW, CONSTANT_ROW = "none", "intervention", "constant"


class Model(BaseModel):
    """A model as tables and figures show it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Name in the config and in the metric CSVs.")
    label: str = Field(description="Name shown to readers, like Bloom-7B.")
    seen: list[str] | None = Field(None, description="Candidate languages seen in pre-training; null if all were.")
    architecture: Architecture = Field("causal", description="What kind of model it is.")

    def has_seen(self, language: str) -> bool:
        """Whether a language was in the pre-training data."""
        return self.seen is None or language in self.seen

    @property
    def generates(self) -> bool:
        """Whether it has perplexity and generated sentences."""
        return generates(self.architecture)


class Labelled(Protocol):
    """A model with a label and an architecture, here or in the config."""

    label: str
    architecture: Architecture


def without_text(models: Iterable[Labelled]) -> str:
    """A sentence that says which models have no perplexity and no generation, and why; nothing if all have."""
    named = [f"{model.label} ({NAMES[model.architecture]})" for model in models if not generates(model.architecture)]
    return f"Perplexity and generation are left out for {' and '.join(named)}." if named else ""


class Panel(BaseModel):
    """A column of panels in a figure: a model under the intervention on a target."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Model
    target: str = Field(description="Language code of the intervention target.")
    title: str = Field(description="What the column is titled: the model's label, the language's name or both.")

"""Models as tables, figures and the report show them."""

from pydantic import BaseModel, ConfigDict, Field

# Rows of the comparison of methods: the unintervened model, the study's own intervention, and the control that adds the
# same vector to every embedding.
BASE_ROW, OWN_ROW, CONSTANT_ROW = "none", "intervention", "constant"


class Model(BaseModel):
    """A model as tables and figures show it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Name in the config and in the metric CSVs.")
    label: str = Field(description="Name shown to readers, like Bloom-7B.")
    seen: list[str] | None = Field(None, description="Candidate languages seen in pre-training; null if all were.")

    def has_seen(self, language: str) -> bool:
        """Whether a language was in the pre-training data."""
        return self.seen is None or language in self.seen


class Panel(BaseModel):
    """A column of panels in a figure: a model under the intervention on a target."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Model
    target: str = Field(description="Language code of the intervention target.")
    title: str = Field(description="What the column is titled: the model's label, the language's name or both.")

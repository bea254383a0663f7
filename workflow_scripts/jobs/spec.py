"""The slice of the config that a stage depends on."""

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A slice of the config, or a part of one; each stage derives its own. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

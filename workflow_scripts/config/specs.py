"""Slices of the config that stages of several rooms depend on, from which they derive their own."""

from pydantic import Field

from workflow_scripts.config.sections import Resampling
from workflow_scripts.config.settings import (
    DatasetName,
    MaxTokens,
    ModelName,
    ProbedLanguages,
    ProbeSeed,
    ProbingLanguages,
    Regularisation,
    ResponsePooling,
    SpaceLanguages,
    Target,
    TestShare,
)
from workflow_scripts.jobs.spec import Spec


class ConditionSpec(Spec):
    """What every condition depends on."""

    name: str = Field(description="Slug of the condition.")
    model: ModelName


class ProbingSpec(Spec):
    """What is measured on the probing sentences."""

    languages: ProbingLanguages
    max_tokens: MaxTokens


class SpaceSpec(Spec):
    """What is measured in a space of sentence embeddings."""

    dataset: DatasetName
    languages: SpaceLanguages


class ResampledSpec(Spec):
    """What is shown with bootstrap intervals over languages or queries."""

    resampling: Resampling = Field(description="How these are resampled.")


class SweepSpec(Spec):
    """A sweep over the number of experts."""

    target: Target
    pooling: ResponsePooling | None = Field(
        description="How responses are pooled to find experts; null under a method that changes no experts."
    )


class ProbeSpec(Spec):
    """What is told by probes that are trained in one language and tested in all."""

    dataset: DatasetName
    languages: ProbedLanguages
    test_share: TestShare
    regularisation: Regularisation
    seed: ProbeSeed

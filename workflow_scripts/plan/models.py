"""The models of a study, their checkpoints and the layers that they are measured by."""

import math

from workflow_scripts.config.models import ModelConfig, TrainingSource
from workflow_scripts.config.study import Config
from workflow_scripts.jobs.files import content_hash
from workflow_scripts.plan.names import layer_path


def tokenizer_name(train: TrainingSource) -> str:
    """Return the name of the tokenizer that a model is trained with, which says what the tokenizer depends on."""
    return f"{train.dataset}-{content_hash([train.languages, train.vocabulary])[:8]}"


class Models:
    """The models that a study names."""

    def __init__(self, config: Config):
        self._config = config
        self.names = config.study.models

    def __getitem__(self, model: str) -> ModelConfig:
        """Return the settings of a model, or of a checkpoint, which has those of its model."""
        return self._config.every_model[model]

    def from_source(self, source: str) -> list[str]:
        """Return the models of the study that come from `hub`, `path`, `gguf` or `train`."""
        return [name for name in self.names if self[name].source == source]

    def checkpoints_of(self, model: str) -> dict[str, int]:
        """Return the names of a model's checkpoints with their steps, in ascending order."""
        return {name: kept.step for name, kept in self._config.checkpoints.items() if kept.model == model}

    def steps_of(self, model: str) -> dict[str, int]:
        """Return a trained model's checkpoints and the model itself, as names with the steps of their training."""
        return {**self.checkpoints_of(model), model: self[model].train.steps}

    @property
    def tokenizers(self) -> dict[str, TrainingSource]:
        """Return the tokenizers that models are trained with, by name; models of the same languages share one."""
        trained = [self[model].train for model in self.from_source("train")]
        return {tokenizer_name(train): train for train in trained}

    @property
    def with_checkpoints(self) -> list[str]:
        """Return the models of the study of which checkpoints are kept."""
        return [model for model in self.names if self.checkpoints_of(model)]

    @property
    def nameable(self) -> list[str]:
        """Return every model whose files can be asked for: the models of the study and their checkpoints."""
        return [name for model in self.names for name in (model, *self.checkpoints_of(model))]

    @property
    def with_layers(self) -> list[str]:
        """Return the models of the study that are also measured by further layers."""
        return [model for model in self.names if self[model].layers]

    def layers_of(self, model: str) -> dict[str, str]:
        """Return the layers that a model is measured by, in their order, with the part of paths that names each.

        The main layer has no such part, and is there once, should it also be among the further layers.
        """
        main = self._config.embeddings.layer
        further = {layer: layer_path(layer) for layer in self[model].layers if layer != main}
        ordered = sorted({main: "", **further}.items(), key=lambda item: math.inf if item[0] == "last" else item[0])
        return {str(layer): path for layer, path in ordered}

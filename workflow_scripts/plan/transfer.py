"""What the stages of transfer, their table and their figures depend on."""

from typing import Any

from workflow_scripts.plan.names import UNTRAINED
from workflow_scripts.plan.shown import ShownSlices
from workflow_scripts.plan.slices import slice_of_config


class TransferSlices(ShownSlices):
    """Slices of the config for the jobs that train probes, and for those that show their scores."""

    @slice_of_config
    def word_embeddings(self, condition: str):
        """What word embeddings depend on, beside model, condition and treebank."""
        transfer = self.config.transfer
        return {
            "languages": self.study.treebank.languages,
            "layer": self.config.embeddings.layer,
            "max_tokens": transfer.max_tokens,
            "random_weights": transfer.seed if condition == UNTRAINED else None,
        }

    @slice_of_config
    def topic_transfer(self):
        """What scores of topic probes depend on, beside embeddings and topics."""
        settings = self.config.transfer.model_dump(include={"test_share", "regularisation", "seed"})
        return {**self.study.topics.model_dump(), **settings}

    @slice_of_config
    def syntax_transfer(self):
        """What scores of probes of words depend on, beside word embeddings and treebank."""
        return {**self.study.treebank.model_dump(), **self.config.transfer.model_dump(exclude={"max_tokens"})}

    @slice_of_config
    def transfer_table(self):
        """What the table of transfer shows."""
        return {
            **self._shown_models(seen=False),
            "targets": self.study.targets,
            "tasks": self._probes(),
            **self.config.correlations.model_dump(),
        }

    @slice_of_config
    def transfer_figure(self, figure: str):
        """What a figure of transfer shows."""
        contents = self.contents(figure)
        codes = [code for corpus in self.probed.values() for code in corpus.languages]
        return {
            "panels": self.panels(contents.models, contents.targets),
            "poolings": self.poolings,
            "tasks": self._probes(),
            "names": self._names(list(dict.fromkeys([*contents.targets, *codes]))),
        }

    def _probes(self) -> list[dict[str, Any]]:
        return [{"name": task, **corpus.model_dump()} for task, corpus in self.probed.items()]

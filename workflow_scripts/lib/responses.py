"""Responses of neurons to sentences, pooled over tokens inside the hooks that see them.

    with ResponseRecorder(model, sites, ["max"]) as recorder:
        responses = recorder.forward(batch)  # {"max": [sentences, neurons]}

Nothing of size sentences × tokens × neurons outlives the hook: each site's output is reduced to [sentences, units] as
soon as it is computed.
"""

from collections.abc import Sequence

import torch

from workflow_scripts.lib.batching import Batch
from workflow_scripts.lib.models import LanguageModel
from workflow_scripts.lib.sites import NeuronSite, count_neurons


def pool_tokens(activations: torch.Tensor, batch: Batch, pooling: str) -> torch.Tensor:
    """Pool activations [sentences, tokens, units] over the real tokens of each sentence: [sentences, units].

    `max` keeps the data type; `mean` is accumulated in float32; `last` takes the last real token.
    """
    if pooling == "max":
        if batch.padded:
            activations = activations.masked_fill(~batch.mask[:, :, None], -torch.inf)
        return activations.amax(dim=1)
    if pooling == "mean":
        if batch.padded:
            activations = activations.masked_fill(~batch.mask[:, :, None], 0)
        return activations.sum(dim=1, dtype=torch.float32) / batch.lengths[:, None]
    if pooling == "last":
        return activations[torch.arange(len(batch.rows), device=activations.device), batch.lengths - 1]
    raise ValueError(f"no pooling named {pooling}")


class ResponseRecorder:
    """Forward hooks on the neuron sites of a model, as a context manager; leaving it removes them."""

    def __init__(self, model: LanguageModel, sites: Sequence[NeuronSite], poolings: Sequence[str]):
        self._model, self._sites, self._poolings = model, sites, tuple(poolings)
        self._neurons = count_neurons(sites)
        self._batch: Batch | None = None
        self._responses: dict[str, torch.Tensor] = {}
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> "ResponseRecorder":
        modules = dict(self._model.backbone.named_modules())
        for site in self._sites:
            self._handles.append(modules[site.module].register_forward_hook(self._hook(site)))
        return self

    def __exit__(self, *_) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Responses to a batch by pooling, float32 [sentences, neurons] on the model's device."""
        batch = batch.to(self._model.device)
        shape = (len(batch.rows), self._neurons)
        self._responses = {name: torch.empty(shape, device=self._model.device) for name in self._poolings}
        self._batch = batch
        self._model.forward(batch)
        self._batch = None
        return self._responses

    def _hook(self, site: NeuronSite):
        columns = slice(site.offset, site.offset + site.width)

        def pool(module, inputs, output):
            if self._batch is not None:
                for name, responses in self._responses.items():
                    responses[:, columns] = pool_tokens(output, self._batch, name)

        return pool

"""Responses of neurons to sentences, pooled over tokens inside the hooks that see them.

    with ResponseRecorder(model, sites, ["max"]) as recorder:
        responses = recorder.forward(batch)  # {"max": [sentences, neurons]}

Nothing of size sentences × tokens × neurons outlives the hook: each site's output is reduced to [sentences, units] as
soon as it is computed.
"""

from collections.abc import Callable, Sequence

import torch

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.batching import Batch
from workflow_scripts.models.loading import LanguageModel
from workflow_scripts.models.sites import NeuronSite, count_neurons


def pool_tokens(activations: torch.Tensor, batch: Batch, pooling: str) -> torch.Tensor:
    """Pool activations [sentences, tokens, units] over the real tokens of each sentence: [sentences, units].

    `max` keeps the data type; `mean` is accumulated in float32; `last` takes the last real token.
    """
    if pooling == "max":
        return _reduce(activations, batch, -torch.inf, lambda tokens: tokens.amax(dim=1), torch.maximum)
    if pooling == "mean":
        total = _reduce(activations, batch, 0, lambda tokens: tokens.sum(dim=1, dtype=torch.float32), torch.add)
        return total / batch.lengths[:, None]
    if pooling == "last":
        return activations[torch.arange(len(batch.rows), device=activations.device), batch.lengths - 1]
    raise ValueError(f"no pooling named {pooling}")


def _reduce(
    activations: torch.Tensor,
    batch: Batch,
    neutral: float,
    reduce: Callable[[torch.Tensor], torch.Tensor],
    join: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Reduce the tokens that all sentences have as they are, and the few others with padding made neutral.

    Masking all of them would copy what the site puts out.
    """
    if not batch.padded:
        return reduce(activations)
    shared, others = activations[:, : batch.shortest], activations[:, batch.shortest :]
    masked = others.masked_fill(batch.padding[:, batch.shortest :, None], neutral)
    return join(reduce(shared), reduce(masked))


class ResponseRecorder:
    """Forward hooks on the neuron sites of a model, as a context manager; leaving it removes them."""

    def __init__(self, model: LanguageModel, sites: Sequence[NeuronSite], poolings: Sequence[str]):
        self._model, self._sites, self._poolings = model, sites, tuple(poolings)
        self._neurons = count_neurons(sites)
        self._batches: dict[torch.device, Batch] = {}
        self._responses: dict[str, torch.Tensor] = {}
        self._recorded: set[str] = set()
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
        """Responses to a batch by pooling, float32 [sentences, neurons] on the model's device.

        Raises:
            StudyError: a site runs more than once in a pass, like the layer that ALBERT repeats.
        """
        shape, device = (len(batch.rows), self._neurons), self._model.device
        self._responses = {name: torch.empty(shape, device=device) for name in self._poolings}
        self._batches, self._recorded = {batch.token_ids.device: batch}, set()
        try:
            self._model.forward(batch)
            return self._responses
        finally:
            self._batches, self._responses = {}, {}

    def _hook(self, site: NeuronSite):
        columns = slice(site.offset, site.offset + site.width)

        def pool(module, inputs, output):
            if site.module in self._recorded:
                raise StudyError(
                    f"{site.module} runs more than once in a pass through {self._model.manifest.name}, whose layers "
                    "share it: its units have no single response; take a model that repeats no layer."
                )
            self._recorded.add(site.module)
            for name, responses in self._responses.items():
                responses[:, columns] = pool_tokens(output, self._on(output.device), name)

        return pool

    def _on(self, device: torch.device) -> Batch:
        """The batch on a device; the layers of a spread model lie on several."""
        if device not in self._batches:
            self._batches[device] = next(iter(self._batches.values())).to(device)
        return self._batches[device]

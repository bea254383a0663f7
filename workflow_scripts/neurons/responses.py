"""Responses of neurons to sentences, pooled over tokens inside the hooks that see them.

    with ResponseRecorder(model, sites, ["max"]) as recorder:
        responses = recorder.forward(batch)  # {"max": [sentences, neurons]}

Nothing of size sentences × tokens × neurons outlives the hook: each site's output is reduced to [sentences, units] as
soon as it is computed.
"""

from collections.abc import Callable, Sequence

import torch

from workflow_scripts.models.batching import Batch
from workflow_scripts.models.experts import Routed, segments
from workflow_scripts.models.loading import LanguageModel
from workflow_scripts.models.site_outputs import Activations, SiteOutputs
from workflow_scripts.models.sites import NeuronSite, count_neurons


def pool_tokens(activations: Activations, batch: Batch, pooling: str) -> torch.Tensor:
    """Pool activations [sentences, tokens, units] over the real tokens of each sentence: [sentences, units].

    `max` keeps the data type; `mean` is accumulated in float32; `last` takes the last real token. Units of experts are
    pooled over the tokens that are routed to the expert, and are 0 where there are none.
    """
    if isinstance(activations, Routed):
        return activations.reduce(batch.lengths, OVER_ROUTED[pooling])
    if pooling == "max":
        return _reduce(activations, batch, -torch.inf, lambda tokens: tokens.amax(dim=1), torch.maximum)
    if pooling == "mean":
        total = _reduce(activations, batch, 0, lambda tokens: tokens.sum(dim=1, dtype=torch.float32), torch.add)
        return total / batch.lengths[:, None]
    if pooling == "last":
        return activations[torch.arange(len(batch.rows), device=activations.device), batch.lengths - 1]
    raise ValueError(f"no pooling named {pooling}")


OVER_ROUTED = {
    "max": segments("max"),
    "mean": lambda outputs, counts: segments("mean")(outputs.float(), counts),
    "last": lambda outputs, counts: outputs[(counts.cumsum(0) - 1).clamp(min=0)],
}


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
        self._neurons, self._poolings, self._device = count_neurons(sites), tuple(poolings), model.device
        self._responses: dict[str, torch.Tensor] = {}
        self._outputs = SiteOutputs(model, sites, self._pool)

    def __enter__(self) -> "ResponseRecorder":
        self._outputs.__enter__()
        return self

    def __exit__(self, *exception) -> None:
        self._outputs.__exit__(*exception)

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the responses to a batch by pooling, float32 [sentences, neurons] on the model's device.

        Raises:
            StudyError: as `SiteOutputs.forward`: a site does not run, runs more than once, or not token by token.
        """
        shape = (len(batch.rows), self._neurons)
        # Not a number, should anything be left out: what lies in free memory must never pass for a response.
        self._responses = {name: torch.full(shape, torch.nan, device=self._device) for name in self._poolings}
        try:
            self._outputs.forward(batch)
            return self._responses
        finally:
            self._responses = {}

    def _pool(self, site: NeuronSite, activations: Activations, batch: Batch) -> None:
        for name, responses in self._responses.items():
            responses[:, site.offset : site.offset + site.width] = pool_tokens(activations, batch, name)

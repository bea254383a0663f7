"""Activation probabilities: for what share of the tokens of a language each neuron's response is above zero.

For units before an activation function that is positive where its argument is, as ReLU, GELU and SiLU are, that is
where they are active in the sense of Tang et al. (2024, section 2). A unit of an expert is not active for the tokens
that are not routed to the expert.
"""

from collections.abc import Sequence

import numpy as np
import torch

from workflow_scripts.jobs.progress import Progress
from workflow_scripts.models.batching import Batch, batches, run_halving, tokens_at_once
from workflow_scripts.models.experts import Routed, segments
from workflow_scripts.models.loading import LanguageModel
from workflow_scripts.models.site_outputs import Activations, SiteOutputs
from workflow_scripts.models.sites import NeuronSite


def activation_probabilities(
    model: LanguageModel,
    texts: Sequence[str],
    max_tokens: int,
    tokens_per_batch: int,
    what: str,
    language: str | None = None,
) -> np.ndarray:
    """Return the share of the texts' tokens, specials included, that each neuron puts out
    more than zero for: float64 [neurons].

    Args:
        model: Its manifest says which neurons it has.
        texts: Those of one language.
        max_tokens: Tokens after which a text is cut off.
        tokens_per_batch: Tokens with padding in one forward pass, at most.
        what: Shown with the progress.
        language: Code of their language, by which tokenizers of translation models mark texts.

    Raises:
        StudyError: a text gives no token, or as `SiteOutputs.forward`.
    """
    token_ids = model.encode(texts, max_tokens, language)
    active = np.zeros(model.manifest.neurons, dtype=np.int64)
    sums = segments("sum")
    counted: dict[int, torch.Tensor] = {}  # of the batch, by the number of a site's first neuron

    def count(site: NeuronSite, activations: Activations, batch: Batch) -> None:
        if isinstance(activations, Routed):
            by_sentence = activations.reduce(batch.lengths, lambda outputs, sizes: sums((outputs > 0).float(), sizes))
            counted[site.offset] = by_sentence.sum(dim=0, dtype=torch.int64)
            return
        counted[site.offset] = ((activations > 0) & batch.mask[..., None]).sum(dim=(0, 1))

    with (
        SiteOutputs(model, model.manifest.sites, count) as outputs,
        Progress(what, total=len(texts), unit="sentence") as progress,
    ):

        def forward(batch: Batch) -> None:
            outputs.forward(batch)
            for first, counts in counted.items():
                active[first : first + len(counts)] += counts.cpu().numpy()
            progress.advance(len(batch.rows), tokens=batch.tokens)

        for batch in batches(token_ids, tokens_at_once(tokens_per_batch, model.device), model.pad_id):
            run_halving(forward, batch)
    return active / sum(map(len, token_ids))

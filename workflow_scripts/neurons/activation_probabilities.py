"""Activation probabilities: for what share of the tokens of a language each neuron's response is above zero.

For units before an activation function that is positive where its argument is, as ReLU, GELU and SiLU are, that is
where they are active in the sense of Tang et al. (2024, section 2).
"""

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
import torch

from workflow_scripts.jobs.progress import Progress
from workflow_scripts.models.batching import Batch, batches, encode, run_halving, tokens_at_once
from workflow_scripts.models.loading import LanguageModel


def activation_probabilities(
    model: LanguageModel, texts: Sequence[str], max_tokens: int, tokens_per_batch: int, what: str
) -> np.ndarray:
    """Share of the texts' tokens, specials included, for which each neuron puts out more than zero, float64 [neurons].

    Args:
        model: Its manifest says which neurons it has.
        texts: Those of one language.
        max_tokens: Tokens after which a text is cut off.
        tokens_per_batch: Tokens with padding in one forward pass, at most.
        what: Shown with the progress.

    Raises:
        StudyError: a text gives no token.
    """
    token_ids = encode(model.tokenizer, texts, min(max_tokens, model.max_tokens or max_tokens))
    active = np.zeros(model.manifest.neurons, dtype=np.int64)
    modules = dict(model.backbone.named_modules())
    counted: dict[int, torch.Tensor] = {}  # of the batch, by the number of a site's first neuron
    current: list[Batch] = []

    def hook(first: int):
        def count(module, inputs, output):
            mask = current[0].to(output.device).mask
            counted[first] = ((output > 0) & mask[..., None]).sum(dim=(0, 1))

        return count

    with ExitStack() as stack, Progress(what, total=len(texts), unit="sentence") as progress:
        for site in model.manifest.sites:
            handle = modules[site.module].register_forward_hook(hook(site.offset))
            stack.callback(handle.remove)

        def forward(batch: Batch) -> None:
            current[:] = [batch]
            model.forward(batch)
            for first, counts in counted.items():
                active[first : first + len(counts)] += counts.cpu().numpy()
            progress.advance(len(batch.rows), tokens=batch.tokens)

        for batch in batches(token_ids, tokens_at_once(tokens_per_batch, model.device), model.pad_id):
            run_halving(forward, batch)
    return active / sum(map(len, token_ids))

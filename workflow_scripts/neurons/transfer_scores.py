"""How far each unit moves states towards a language's centroid, as transfer neurons are found.

Tezuka and Inoue (2025, "The Transfer Neurons Hypothesis: An Underlying Mechanism for Language Latent Space Transitions
in Multilingual LLMs", EMNLP): a neuron of layer l scores what its response adds to the cosine between the states after
l and the centroid of a language there, averaged over the language's sentences. They add a response to the states before
the MLP, which takes the weights of one kind of MLP. Here it is taken to first order, response times derivative of the
cosine, which any architecture gives, also where a norm or a gate comes between a unit and the states; and the states of
a sentence are the mean over its tokens, as embeddings are, where they take the last token's.
"""

from collections.abc import Sequence

import numpy as np
import torch

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.progress import Progress
from workflow_scripts.models.batching import Batch, batches, run_halving, tokens_at_once
from workflow_scripts.models.loading import LanguageModel
from workflow_scripts.models.site_outputs import Activations, SiteOutputs
from workflow_scripts.models.sites import NeuronSite
from workflow_scripts.neurons.responses import pool_tokens


def transfer_scores(
    model: LanguageModel,
    texts: Sequence[str],
    max_tokens: int,
    tokens_per_batch: int,
    what: str,
    language: str | None = None,
) -> np.ndarray:
    """Return what each unit's responses add to the cosine between the mean states of a sentence after its layer and
    their mean over all sentences, averaged over sentences: float64 [neurons].

    Args:
        model: Its manifest says which neurons it has, and which modules put out the states of layers.
        texts: Those of one language.
        max_tokens: Tokens after which a text is cut off.
        tokens_per_batch: Tokens with padding in one forward pass, at most.
        what: Shown with the progress.
        language: Code of their language, by which tokenizers of translation models mark texts.

    Raises:
        StudyError: a text gives no token, no module puts out the states of a layer alone, there are units of experts,
            whose responses are of some tokens alone, or as `SiteOutputs.forward_layers`.
    """
    layers = _layers(model)
    token_ids = model.encode(texts, max_tokens, language)
    at_once = tokens_at_once(tokens_per_batch, model.device)
    sums: dict[int | None, torch.Tensor] = {}
    scores = np.zeros(model.manifest.neurons)
    # By site, what its units put out and the 0 that was added to it, by which the derivative is that by the units.
    probes: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def probe(site: NeuronSite, activations: Activations, batch: Batch) -> None:
        nothing = activations.new_zeros(()).expand_as(activations).requires_grad_()
        activations += nothing  # in place, so that it goes on through the model however the module lays its output out
        probes[site.offset] = activations.detach(), nothing

    with Progress(what, total=2 * len(texts), unit="sentence") as progress:

        def add_states(batch: Batch) -> None:
            for layer, states in zip(layers, model.forward_layers(batch, list(layers)), strict=True):
                sums[layer] = sums.get(layer, 0) + _mean(states, batch).double().sum(dim=0)
            progress.advance(len(batch.rows), tokens=batch.tokens)

        def add_scores(batch: Batch) -> None:
            with torch.enable_grad(), SiteOutputs(model, model.manifest.sites, probe) as outputs:
                of_layers = outputs.forward_layers(batch, list(layers), gradients=True)
                for (layer, sites), states in zip(layers.items(), of_layers, strict=True):
                    cosine = torch.cosine_similarity(_mean(states, batch), sums[layer].float(), dim=-1).sum()
                    put_out, added = zip(*[probes.pop(site.offset) for site in sites], strict=True)
                    slopes = torch.autograd.grad(cosine, added, retain_graph=True)
                    for site, output, slope in zip(sites, put_out, slopes, strict=True):
                        moved = (output.float() * slope.float()).flatten(end_dim=-2).sum(dim=0)
                        scores[site.offset : site.offset + site.width] += moved.double().cpu().numpy()
            progress.advance(len(batch.rows), tokens=batch.tokens)

        for forward in (add_states, add_scores):
            for batch in batches(token_ids, at_once, model.pad_id):
                run_halving(forward, batch)
    return scores / len(texts)


def _layers(model: LanguageModel) -> dict[int | None, list[NeuronSite]]:
    """Return the sites of each layer whose states one module puts out, by its number; those of the last are at None."""
    blocks = model.manifest.blocks
    found: dict[int | None, list[NeuronSite]] = {}
    for site in model.manifest.sites:
        if site.experts:
            raise StudyError(
                f"the selection transfer knows no units of experts, such as those of {site.module}; leave them out by "
                "neurons.sites, or take another selection."
            )
        after = [
            layer for layer, name in enumerate(blocks, 1) if name is not None and site.module.startswith(f"{name}.")
        ]
        if not after and site.layer < len(blocks):
            raise StudyError(
                f"no module of {model.manifest.name} puts out the states after {site.module} alone, which the "
                "selection transfer needs; take another selection."
            )
        found.setdefault(after[0] if after else None, []).append(site)
    return found


def _mean(states: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Mean over the tokens of each sentence of states [sentences, tokens, d], float32 [sentences, d]."""
    return pool_tokens(states, batch.to(states.device), "mean")

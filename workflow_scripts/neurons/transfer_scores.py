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
from workflow_scripts.models.batching import Batch, batches, passing, run_halving, tokens_at_once
from workflow_scripts.models.loading import LanguageModel
from workflow_scripts.models.site_outputs import states_of
from workflow_scripts.models.sites import NeuronSite
from workflow_scripts.models.structure import options_of


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
        StudyError: a text gives no token, no module puts out the states of a layer alone, or there are units of
            experts, whose responses are of some tokens alone.
    """
    layers = _layers(model)
    token_ids = model.encode(texts, max_tokens, language)
    at_once = tokens_at_once(tokens_per_batch, model.device)
    sums: dict[str, torch.Tensor] = {}
    scores = np.zeros(model.manifest.neurons)
    with Progress(what, total=2 * len(texts), unit="sentence") as progress:

        def add_states(batch: Batch) -> None:
            with torch.no_grad():
                for name, means in _pass(model, layers, batch)[0].items():
                    sums[name] = sums.get(name, 0) + means.double().sum(dim=0)
            progress.advance(len(batch.rows), tokens=batch.tokens)

        def add_scores(batch: Batch) -> None:
            with torch.enable_grad():
                means, responses = _pass(model, layers, batch)
                for name, sites in layers.items():
                    cosine = torch.cosine_similarity(means[name], sums[name].float(), dim=-1).sum()
                    outputs = [responses[site.offset] for site in sites]
                    slopes = torch.autograd.grad(cosine, outputs, retain_graph=True)
                    for site, output, slope in zip(sites, outputs, slopes, strict=True):
                        moved = (output.detach().float() * slope.float()).flatten(end_dim=-2).sum(dim=0)
                        scores[site.offset : site.offset + site.width] += moved.double().cpu().numpy()
            progress.advance(len(batch.rows), tokens=batch.tokens)

        for forward in (add_states, add_scores):
            for batch in batches(token_ids, at_once, model.pad_id):
                run_halving(forward, batch)
    return scores / len(texts)


def _layers(model: LanguageModel) -> dict[str, list[NeuronSite]]:
    """Return the sites inside each module that puts out a layer's states; those of the last are in the backbone, ``."""
    blocks = model.manifest.blocks
    found: dict[str, list[NeuronSite]] = {}
    for site in model.manifest.sites:
        if site.experts:
            raise StudyError(
                f"the selection transfer knows no units of experts, such as those of {site.module}; leave them out by "
                "neurons.sites, or take another selection."
            )
        inside = [name for name in blocks if name is not None and site.module.startswith(f"{name}.")]
        if not inside and site.layer < len(blocks):
            raise StudyError(
                f"no module of {model.manifest.name} puts out the states after {site.module} alone, which the "
                "selection transfer needs; take another selection."
            )
        found.setdefault(inside[0] if inside else "", []).append(site)
    return found


def _pass(
    model: LanguageModel, layers: dict[str, list[NeuronSite]], batch: Batch
) -> tuple[dict[str, torch.Tensor], dict[int, torch.Tensor]]:
    """Return the mean over tokens of the states after each layer, float32 [sentences, d], by its module, and, where
    gradients are taken, what each site puts out, by its offset.
    """
    batch = batch.to(model.device)
    states: dict[str, torch.Tensor] = {}
    responses: dict[int, torch.Tensor] = {}
    modules = dict(model.backbone.named_modules())

    def keep_states(name: str):
        return lambda module, inputs, output: states.update({name: states_of(output)})

    def keep_responses(site: NeuronSite):
        return lambda module, inputs, output: responses.update({site.offset: output})

    # The weights need no gradient, so that the graph begins with the token embeddings.
    def begin(module, inputs, output):
        return output.requires_grad_() if torch.is_grad_enabled() else None

    handles = [model.backbone.get_input_embeddings().register_forward_hook(begin)]
    for name, sites in layers.items():
        handles.append(modules[name].register_forward_hook(keep_states(name)))
        if torch.is_grad_enabled():
            handles += [modules[site.module].register_forward_hook(keep_responses(site)) for site in sites]
    try:
        with passing(batch):
            model.backbone(
                input_ids=batch.token_ids, attention_mask=batch.mask.long(), **options_of(model.architecture)
            )
    finally:
        for handle in handles:
            handle.remove()
    real, tokens = batch.mask, batch.token_ids.shape[1]
    means = {}
    for name, of_layer in states.items():
        kept = of_layer[:, :tokens].float() * real[..., None].to(of_layer.device)
        means[name] = kept.sum(dim=1) / batch.lengths[:, None].to(of_layer.device)
    return means, responses

"""Sentence embeddings (paper, section 5): the mean over a sentence's tokens of the model's last hidden state."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.progress import Progress
from workflow_scripts.models.batching import (
    Batch,
    batches,
    distinct_ones,
    run_halving,
    texts_begin_with,
    tokens_at_once,
)
from workflow_scripts.models.loading import LanguageModel

if TYPE_CHECKING:
    from workflow_scripts.config.settings import EmbeddingPooling


def embed(model: LanguageModel, texts: Sequence[str], layer: int | None = None, **options: Any) -> np.ndarray:
    """Return the embeddings of texts by one layer, float32 [texts, d]; arguments and errors are those of
    `embed_layers`.
    """
    return embed_layers(model, texts, [layer], **options)[0]


def embed_layers(
    model: LanguageModel,
    texts: Sequence[str],
    layers: Sequence[int | None],
    pooling: "EmbeddingPooling" = "mean",
    max_tokens: int = 128,
    tokens_per_batch: int = 8192,
    what: str = "embedding",
    language: str | None = None,
) -> list[np.ndarray]:
    """Return the embeddings of texts by some layers, float32 [texts, d] each, from one pass through the model.

    Texts of the same tokens go through the model once and have the same vector: in two batches they would differ in
    the last bits, and a candidate would beat its own copy.

    Args:
        layers: None for the last hidden state, after the final norm; n for the states after n blocks.
        pooling: mean over real tokens, specials included; the same without the beginning-of-sentence token (BERT's
            `[CLS]`; T5 has none); or the last real token. Means are accumulated in float32.
        max_tokens: tokens after which a text is cut off.
        tokens_per_batch: tokens with padding in one forward pass, at most.
        what: shown with the progress.
        language: code of their language, by which tokenizers of translation models mark texts.

    Raises:
        StudyError: a text gives no token, the model gives NaN or infinite values, or it has no such layer.
    """
    token_ids = model.encode(texts, max_tokens, language)
    bos = _first_token(model) if pooling == "mean_without_bos" else None
    distinct, copies = distinct_ones(token_ids)
    embeddings: list[np.ndarray] = [np.empty(0)] * len(layers)
    with Progress(what, total=len(distinct), unit="sentence") as progress:

        def forward(batch: Batch) -> None:
            for place, hidden in enumerate(model.forward_layers(batch, layers)):
                pooled = _pool(hidden, batch.to(hidden.device), pooling, bos)
                if not embeddings[place].size:  # layers within OPT-350m are wider than the last
                    embeddings[place] = np.empty((len(distinct), pooled.shape[1]), dtype=np.float32)
                embeddings[place][batch.rows] = pooled.cpu().numpy()
            progress.advance(len(batch.rows), tokens=batch.tokens)

        for batch in batches(distinct, tokens_at_once(tokens_per_batch, model.device), model.pad_id):
            run_halving(forward, batch)
    finite = np.logical_and.reduce([np.isfinite(of_layer).all(axis=1) for of_layer in embeddings])
    if not finite.all():
        text = texts[copies.index(int(np.argmin(finite)))]
        raise StudyError(
            f"{model.manifest.name} gives NaN or infinite hidden states, first for {text[:60]!r}: its weights "
            f"are damaged, or {model.manifest.dtype} is too narrow for it (try float32 or bfloat16)."
        )
    return embeddings if len(distinct) == len(texts) else [of_layer[copies] for of_layer in embeddings]


def _first_token(model: LanguageModel) -> int | None:
    """The beginning-of-sentence token, where the tokenizer puts one before a text, whatever it calls that token."""
    tokenizer = model.tokenizer
    known = {tokenizer.bos_token_id, tokenizer.cls_token_id, tokenizer.eos_token_id} - {None}
    return next((token for token in texts_begin_with(tokenizer)[:1] if token in known), None)


def _pool(hidden: torch.Tensor, batch: Batch, pooling: "EmbeddingPooling", bos: int | None) -> torch.Tensor:
    with torch.inference_mode():
        if pooling == "last":
            return hidden[torch.arange(len(batch.rows), device=hidden.device), batch.lengths - 1].float()
        counted = batch.mask
        if bos is not None:
            # A text of nothing but the BOS token keeps it.
            counted = counted.clone()
            counted[:, 0] &= (batch.token_ids[:, 0] != bos) | (batch.lengths == 1)
        weights = counted.float()
        return torch.bmm(weights[:, None], hidden.float())[:, 0] / weights.sum(dim=1, keepdim=True)

"""Sentence embeddings by a model that is in memory, as the workflow computes them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.embeddings import sentences
from workflow_scripts.models.adoption import adopt, evaluating

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from workflow_scripts.config.settings import EmbeddingPooling


def embed(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    texts: Sequence[str],
    *,
    layer: int | None = None,
    pooling: "EmbeddingPooling" = "mean",
    max_tokens: int = 128,
    tokens_per_batch: int = 8192,
) -> np.ndarray:
    """Return the embeddings of texts, float32 [texts, d] (paper, section 5).

    Inside `with steer(model, condition):` they are those under the intervention.

    Args:
        model: Any model of transformers; it stays on its device, in its data type.
        tokenizer: Its tokenizer, padding on either side.
        texts: Sentences.
        layer: None for the last hidden state, after the final norm; n for the states after n blocks.
        pooling: Mean over the tokens, specials included; the same without the beginning-of-sentence token; or the
            last token.
        max_tokens: Tokens after which a text is cut off.
        tokens_per_batch: Tokens with padding in one forward pass, at most.

    Raises:
        StudyError: a text gives no token, the model gives NaN or infinite values, or it has no such layer.
    """
    if isinstance(texts, str):
        raise TypeError("texts is one string; give a list of sentences")
    with evaluating(model):
        adopted = adopt(model, tokenizer, sites=None, layers=layer is not None)
        return sentences.embed(
            adopted, texts, layer, pooling=pooling, max_tokens=max_tokens, tokens_per_batch=tokens_per_batch
        )

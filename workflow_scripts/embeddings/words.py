"""Word embeddings: the mean of a model's hidden states over the tokens that a word is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.progress import Progress
from workflow_scripts.models.batching import Batch, batches, run_halving, tokens_at_once
from workflow_scripts.models.loading import LanguageModel

Span = tuple[int, int]  # first character of a word, and the one after its last


@dataclass(frozen=True)
class WordEmbeddings:
    """Embeddings of the words of some sentences, one sentence after the other."""

    sentences: list[int]  # which of those given; left out are those with a word that no token is of
    words: list[int]  # number of words of each
    vectors: np.ndarray  # float32 [words of all, d]


def embed_words(
    model: LanguageModel,
    texts: Sequence[str],
    spans: Sequence[Sequence[Span]],
    layer: int | None = None,
    max_tokens: int = 512,
    tokens_per_batch: int = 8192,
    what: str = "embedding words",
    language: str | None = None,
) -> WordEmbeddings:
    """Return the embeddings of the words of texts.

    A token is of every word that it shares a character with: a word that is written as one token with another has that
    token's state, as both have. A sentence with a word that no token is of, because it was cut off or the tokenizer
    drops the word, is left out.

    Args:
        texts: Sentences.
        spans: Of the words of each.
        layer: None for the last hidden state, after the final norm; n for the states after n blocks.
        max_tokens: Tokens after which a sentence is cut off.
        tokens_per_batch: Tokens with padding in one forward pass, at most.
        what: Shown with the progress.
        language: Code of their language, by which tokenizers of translation models mark texts.

    Raises:
        StudyError: the tokenizer does not tell which characters a token is of, all sentences are left out, or the model
            gives NaN or infinite values.
    """
    token_ids, offsets = encode_with_offsets(model, texts, max_tokens, language)
    weights = [token_weights(offset, span) for offset, span in zip(offsets, spans, strict=True)]
    kept = [row for row, of_words in enumerate(weights) if len(of_words) and of_words.any(axis=1).all()]
    if not kept:
        raise StudyError(
            f"{model.manifest.name}: no sentence has a token for each of its words within {max_tokens} tokens; raise "
            "transfer.max_tokens."
        )
    vectors: list[np.ndarray] = [np.empty(0)] * len(kept)
    with Progress(what, total=len(kept), unit="sentence") as progress:

        def forward(batch: Batch) -> None:
            (hidden,) = model.forward_layers(batch, [layer])
            for states, row in zip(hidden, batch.rows, strict=True):
                of_words = torch.from_numpy(weights[kept[row]]).to(states.device)
                vectors[row] = _means(states[: of_words.shape[1]], of_words)
            progress.advance(len(batch.rows), tokens=batch.tokens)

        passed_at_once = tokens_at_once(tokens_per_batch, model.device)
        for batch in batches([token_ids[row] for row in kept], passed_at_once, model.pad_id):
            run_halving(forward, batch)
    if not all(np.isfinite(of_sentence).all() for of_sentence in vectors):
        raise StudyError(
            f"{model.manifest.name} gives NaN or infinite hidden states: its weights are damaged, or "
            f"{model.manifest.dtype} is too narrow for it (try float32 or bfloat16)."
        )
    return WordEmbeddings(kept, [len(of_sentence) for of_sentence in vectors], np.concatenate(vectors))


def encode_with_offsets(
    model: LanguageModel, texts: Sequence[str], max_tokens: int, language: str | None = None
) -> tuple[list[list[int]], list[list[Span]]]:
    """Return the token ids of each text, and which characters of the text each token is of; special tokens and those of
    the text prefix are of none.

    Raises:
        StudyError: the tokenizer does not tell.
    """
    if not model.tokenizer.is_fast:
        raise StudyError(
            f"the tokenizer of {model.manifest.name} does not tell which characters a token is of, so words have no "
            "embeddings; set study.treebank: null, or give a directory with its tokenizer.json."
        )
    limit = min(max_tokens, model.max_tokens or max_tokens)
    model.mark_as(language)
    prefix = model.manifest.text_prefix
    encoded = model.tokenizer(
        [prefix + text for text in texts],
        truncation=True,
        max_length=limit,
        return_attention_mask=False,
        return_offsets_mapping=True,
    )
    shift = len(prefix)
    offsets = [[(max(0, a - shift), max(0, b - shift)) for a, b in each] for each in encoded["offset_mapping"]]
    return encoded["input_ids"], offsets


def token_weights(offsets: Sequence[Span], spans: Sequence[Span]) -> np.ndarray:
    """Return what each token counts for each word, float32 [words, tokens]; each row sums up to 1, or is 0 without a
    token.
    """
    first, last = np.array(offsets, dtype=np.int64).reshape(-1, 2).T
    start, end = np.array(spans, dtype=np.int64).reshape(-1, 2).T
    shared = np.minimum(last, end[:, None]) - np.maximum(first, start[:, None]) > 0
    return (shared / np.maximum(1, shared.sum(axis=1, keepdims=True))).astype(np.float32)


def _means(states: torch.Tensor, weights: torch.Tensor) -> np.ndarray:
    with torch.inference_mode():
        return (weights @ states.float()).cpu().numpy()

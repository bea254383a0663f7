"""What a competent user of transformers writes, and how its results are set beside ours."""

import math
from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.gpu.bench import MAX_TOKENS
from workflow_scripts.interventions.conditions import Condition
from workflow_scripts.interventions.hooks import steer
from workflow_scripts.models.loading import LanguageModel
from workflow_scripts.sweeps.generation import Sampling


def embed_in_batches_of_32(model: LanguageModel, texts: Sequence[str]) -> np.ndarray:
    """Mean-pooled last hidden states, as `SentenceTransformer.encode` computes them."""
    order = np.argsort([-len(text) for text in texts], kind="stable")
    embeddings = np.empty((len(texts), model.manifest.width), dtype=np.float32)
    for start in range(0, len(texts), 32):
        rows = order[start : start + 32]
        encoded = model.tokenizer(
            [texts[row] for row in rows], padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        ).to(model.device)
        with torch.inference_mode():
            hidden = model.backbone(
                input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"]
            ).last_hidden_state
            mask = encoded["attention_mask"][:, :, None].to(hidden.dtype)
            pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1e-9)
        embeddings[rows] = pooled.float().cpu().numpy()
    return embeddings


def generate_one_after_another(
    model: LanguageModel, conditions: Sequence[Condition], count: int, sampling: Sampling
) -> list[tuple[float, float]]:
    """Log perplexities of sentences under the model that wrote them and under the unintervened one."""
    from transformers import GenerationConfig

    ends = model.model.generation_config.eos_token_id
    config = GenerationConfig(
        max_length=sampling.max_tokens,
        do_sample=True,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        pad_token_id=model.pad_id,
        bos_token_id=model.tokenizer.bos_token_id,
        eos_token_id=ends,
        return_dict_in_generate=True,
        output_logits=True,
    )
    prompts = torch.full((count, 1), model.tokenizer.bos_token_id, device=model.device)
    found = []
    for condition in conditions:
        with torch.inference_mode():
            with steer(model, condition):
                written = model.model.generate(
                    prompts, attention_mask=torch.ones_like(prompts), generation_config=config
                )
                own = -model.model.compute_transition_scores(written.sequences, written.logits, normalize_logits=True)
            tokens = written.sequences[:, 1:]
            is_end = torch.isin(tokens, torch.as_tensor(ends, device=tokens.device))
            real = is_end.cumsum(dim=1) - is_end.int() == 0  # up to the first end, that one included
            mask = torch.cat([torch.ones_like(prompts), real.long()], dim=1)
            logits = model.model(written.sequences, attention_mask=mask, use_cache=False).logits[:, :-1].float()
            base = torch.nn.functional.cross_entropy(logits.transpose(1, 2), tokens, reduction="none")
            model.tokenizer.batch_decode([row[kept] for row, kept in zip(tokens, real, strict=True)])
            means = [(losses * real).sum(dim=1) / real.sum(dim=1) for losses in (own.masked_fill(~real, 0), base)]
        found += zip(*(values.tolist() for values in means), strict=True)
    return found


def strided_log_perplexity(model: LanguageModel, token_ids: Sequence[int], context: int, stride: int) -> float:
    """Log perplexity by the recipe of transformers' documentation («Perplexity of fixed-length models»)."""
    text = torch.tensor([token_ids])
    total, counted, previous_end = 0.0, 0, 0
    for begin in range(0, text.shape[1], stride):
        end = min(begin + context, text.shape[1])
        input_ids = text[:, begin:end].to(model.device)
        labels = input_ids.clone()
        labels[:, : previous_end - end] = -100  # context alone
        with torch.no_grad():
            loss = model.model(input_ids, labels=labels).loss
        scored = int((labels != -100).sum()) - 1
        total += loss * scored
        counted += scored
        previous_end = end
        if end == text.shape[1]:
            break
    return float(total / counted)


def assert_same_directions(one: np.ndarray, other: np.ndarray, least: float = 0.999) -> None:
    """Rows are the same vectors, up to what bfloat16 rounds where sums are taken in another order."""
    cosines = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    assert cosines.min() > least, cosines.min()


def assert_as_probable(own: Sequence[float], base: Sequence[float], peer: Sequence[tuple[float, float]]) -> None:
    """Sentences drawn by other random numbers are as many, and about as probable, by five standard errors."""
    assert len(own) == len(peer)
    for ours, theirs in zip((own, base), zip(*peer, strict=True), strict=True):
        error = math.hypot(*(np.std(values) / math.sqrt(len(values)) for values in (ours, theirs)))
        assert abs(np.mean(ours) - np.mean(theirs)) < 5 * error + 0.01, (np.mean(ours), np.mean(theirs), error)

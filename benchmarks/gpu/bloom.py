"""BLOOM by torch's own kernels: what transformers computes in many passes over memory, in one.

transformers writes GELU as eight operations on tensors four times as wide as the model, and attention as one on
[heads, tokens, tokens] after another; torch has a kernel for each.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.models.bloom.modeling_bloom import BloomAttention, BloomGelu, build_alibi_tensor


@contextmanager
def fused(model: torch.nn.Module) -> Iterator[None]:
    """Run a BLOOM by these kernels inside the block; batches must be padded on the right, if at all."""
    owners = [(owner, name) for owner in model.modules() for name, child in owner.named_children() if _is_gelu(child)]
    kept = [getattr(owner, name) for owner, name in owners]
    attentions = [module for module in model.modules() if isinstance(module, BloomAttention)]
    try:
        for owner, name in owners:
            setattr(owner, name, torch.nn.GELU(approximate="tanh"))
        for attention in attentions:
            attention.forward = partial(_attend, attention)
        yield
    finally:
        for (owner, name), child in zip(owners, kept, strict=True):
            setattr(owner, name, child)
        for attention in attentions:
            del attention.forward


def _is_gelu(module: torch.nn.Module) -> bool:
    return isinstance(module, BloomGelu)


def _attend(attention, hidden_states, residual, alibi, attention_mask, layer_past=None, **unused):
    """As `BloomAttention.forward`, without its probabilities."""
    query, key, value = attention._reshape(attention.query_key_value(hidden_states))
    if layer_past is not None:
        key, value = layer_past.update(key, value, attention.layer_idx)
    bias = _bias(query.shape[1], query.shape[2], key.shape[2], query.device, query.dtype)
    context = scaled_dot_product_attention(query, key, value, attn_mask=bias.expand(len(query), -1, -1, -1))
    return attention.dense(context.transpose(1, 2).flatten(2)) + residual, None


@lru_cache(maxsize=2)
def _bias(heads: int, queries: int, keys: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """ALiBi's, rounded as transformers rounds it, and −∞ where a key comes after its query: [1, heads, queries, keys].

    Keys that fill a row on its right come after all real queries, so they need no mask of their own.
    """
    places = torch.arange(keys, device=device)
    later = places > torch.arange(keys - queries, keys, device=device)[:, None]
    # Rows of the bias are aligned as the kernel wants them.
    bias = torch.zeros(1, heads, queries, -(-keys // 16) * 16, device=device, dtype=dtype)[..., :keys]
    bias += build_alibi_tensor(torch.ones(1, keys, dtype=torch.long, device=device), heads, dtype)[None]
    return bias.masked_fill_(later, -torch.inf)

"""Ranking of neurons in torch, to see what a card would do: sorted responses, midranks by running extremes."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch


def rank_on_device(
    responses: np.ndarray, counts: Sequence[int], device: torch.device, block: int = 4096
) -> dict[str, np.ndarray]:
    """The statistics of `workflow_scripts.neurons.expertise.RankStatistics` by name, float64 [languages, neurons].

    Args:
        responses: float16 or float32 [sentences, neurons], the languages' rows one after the other.
        counts: sentences of each language.
        device: where they are computed.
        block: neurons at a time.
    """
    parts = [
        _rank_block(torch.from_numpy(responses[:, start : start + block]).to(device), counts)
        for start in range(0, responses.shape[1], block)
    ]
    return {name: torch.cat([part[name] for part in parts], dim=1).cpu().numpy() for name in parts[0]}


def _rank_block(responses: torch.Tensor, counts: Sequence[int]) -> dict[str, torch.Tensor]:
    device, sentences = responses.device, len(responses)
    language = torch.repeat_interleave(torch.tensor(counts)).to(device)
    sizes = torch.tensor(counts, dtype=torch.float64, device=device)[:, None]
    values, order = responses.float().T.contiguous().sort(dim=1)
    # Twice the midrank of a response, counted from 1: the first and the last place of those equal to it.
    place = torch.arange(sentences, device=device)
    changes = values[:, 1:] != values[:, :-1]
    edge = torch.ones_like(changes[:, :1])
    first = torch.where(torch.cat([edge, changes], dim=1), place, 0).cummax(dim=1).values
    last = torch.where(torch.cat([changes, edge], dim=1), place, sentences).flip(1).cummin(dim=1).values.flip(1)
    ranks = torch.zeros(values.shape[0], len(counts), dtype=torch.long, device=device)
    ranks.scatter_add_(1, language[order], first + last + 2)
    rows = responses.double().split(list(counts))
    sums = torch.stack([part.sum(dim=0) for part in rows])
    deviation = responses.double().std(dim=0, correction=0)
    difference = sums / sizes - (sums.sum(dim=0) - sums) / (sentences - sizes)
    middles = [part.sort(dim=0).values[[(len(part) - 1) // 2, len(part) // 2]].mean(dim=0) for part in rows]
    return {
        "expertise": (ranks.T - sizes * (sizes + 1)) / (2 * sizes * (sentences - sizes)),
        "gap": torch.where(deviation > 0, difference / deviation, 0.0),
        "mean": sums / sizes,
        "median": torch.stack(middles),
    }


def assert_same_ranking(one: Mapping[str, np.ndarray], other: object) -> None:
    """All statistics agree to 1e-12."""
    for name, values in one.items():
        np.testing.assert_allclose(values, getattr(other, name), rtol=0, atol=1e-12, err_msg=name)

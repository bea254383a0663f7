"""The structural probe (Hewitt and Manning 2019, NAACL): a linear map under which squared distances are tree distances.

The distance of words i and j is ‖B(hᵢ − hⱼ)‖², with B of a low rank. B minimises the absolute difference to the number
of edges between them, averaged over the pairs of a sentence, then over sentences (their section 2). As there, Adam is
restarted at a tenth of the rate when the loss on held-out sentences no longer falls, and the best B is kept. Embeddings
are standardised on training data first, which changes no optimum but makes one learning rate fit all spaces.
"""

from collections.abc import Sequence

import numpy as np
import torch

from workflow_scripts.lib.probes.classification import Standardiser

SENTENCES_PER_BATCH = 20
HELD_OUT = 10  # every tenth sentence decides when to stop
PATIENCE = 2  # epochs without a lower loss before the rate falls
SMALLEST_RATE = 1e-2  # of the first; training ends there
INITIAL = 0.05  # largest entry of B at the start


class StructuralProbe:
    """A linear map of word embeddings."""

    def __init__(
        self,
        sentences: Sequence[np.ndarray],
        distances: Sequence[np.ndarray],
        rank: int,
        epochs: int,
        learning_rate: float,
        seed: int,
    ):
        """Train it.

        Args:
            sentences: Word embeddings of each sentence, [words, d].
            distances: Tree distances of each, [words, words].
            rank: Of the map, at most d.
            epochs: Passes over the sentences, at most.
            learning_rate: Of Adam, at the start.
            seed: Of the map at the start and of the order of the sentences.
        """
        self._standardised = Standardiser(np.concatenate(list(sentences)))
        batches = _padded([self._standardised(words) for words in sentences], distances)
        self._map = _train(batches, rank, epochs, learning_rate, torch.Generator().manual_seed(seed))

    def __call__(self, words: np.ndarray) -> np.ndarray:
        """Squared distances between the words of a sentence [words, d], float32 [words, words]."""
        return _distances(torch.from_numpy(self._standardised(words))[None] @ self._map)[0].numpy()


Padded = tuple[
    torch.Tensor, torch.Tensor, torch.Tensor
]  # words [n, longest, d], distances [n, longest, longest], counts


def _padded(sentences: Sequence[np.ndarray], distances: Sequence[np.ndarray]) -> Padded:
    counts = torch.tensor([len(words) for words in sentences])
    longest, d = int(counts.max()), sentences[0].shape[1]
    words = torch.zeros(len(sentences), longest, d)
    gold = torch.zeros(len(sentences), longest, longest)
    for row, (vectors, between) in enumerate(zip(sentences, distances, strict=True)):
        words[row, : len(vectors)] = torch.from_numpy(vectors)
        gold[row, : len(vectors), : len(vectors)] = torch.from_numpy(between)
    return words, gold, counts


def _train(data: Padded, rank: int, epochs: int, rate: float, draw: torch.Generator) -> torch.Tensor:
    count, _, d = data[0].shape
    judged = torch.arange(count) % HELD_OUT == HELD_OUT - 1
    if not judged.any():
        judged[-1] = True
    learnt = torch.nonzero(~judged if (~judged).any() else judged)[:, 0]
    judged = torch.nonzero(judged)[:, 0]
    mapped = ((2 * torch.rand(d, min(rank, d), generator=draw) - 1) * INITIAL).requires_grad_()
    best, lowest, waited, smallest = mapped.detach().clone(), float("inf"), 0, rate * SMALLEST_RATE
    optimiser = torch.optim.Adam([mapped], lr=rate)
    for _ in range(epochs):
        order = learnt[torch.randperm(len(learnt), generator=draw)]
        for rows in order.split(SENTENCES_PER_BATCH):
            optimiser.zero_grad()
            _loss(data, rows, mapped).backward()
            optimiser.step()
        with torch.no_grad():
            loss = float(_loss(data, judged, mapped))
        if loss < lowest:
            best, lowest, waited = mapped.detach().clone(), loss, 0
            continue
        waited += 1
        if waited == PATIENCE:
            rate, waited = rate / 10, 0
            if rate < smallest:
                break
            with torch.no_grad():
                mapped.copy_(best)
            optimiser = torch.optim.Adam([mapped], lr=rate)
    return best


def _loss(data: Padded, rows: torch.Tensor, mapped: torch.Tensor) -> torch.Tensor:
    words, gold, counts = (tensor[rows] for tensor in data)
    longest = int(counts.max())
    real = torch.arange(longest) < counts[:, None]
    found = _distances(words[:, :longest] @ mapped)
    apart = (found - gold[:, :longest, :longest]).abs() * (real[:, :, None] & real[:, None, :])
    return (apart.sum(dim=(1, 2)) / counts**2).mean()


def _distances(mapped: torch.Tensor) -> torch.Tensor:
    """Squared distances [n, words, words] between mapped words [n, words, rank]."""
    squares = (mapped**2).sum(dim=-1)
    products = mapped @ mapped.transpose(1, 2)
    return (squares[:, :, None] + squares[:, None, :] - 2 * products).clamp(min=0)

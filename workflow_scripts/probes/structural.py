"""The structural probe (Hewitt and Manning 2019, NAACL): a linear map under which squared distances are tree distances.

The distance of words i and j is ‖B(hᵢ − hⱼ)‖², with B of a low rank. B minimises the absolute difference to the number
of edges between them, averaged over the pairs of a sentence, then over sentences (their section 2). As there, Adam is
restarted at a tenth of the rate when the loss on held-out sentences no longer falls, and the best B is kept.

So that one learning rate fits every space, embeddings are divided by their root mean square over the training data, and
B by √(rank · d): distances then begin in the range of those in a tree.
"""

from collections.abc import Sequence

import numpy as np
import torch

SENTENCES_PER_BATCH = 20
HELD_OUT = 10  # every tenth sentence decides when to stop
PATIENCE = 2  # epochs without a lower loss before the rate falls
SMALLEST_RATE = 1e-2  # of the first; training ends there
INITIAL = 3.0  # largest entry of B · √(rank · d) at the start: squared distances are 6 on average


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
        everything = np.concatenate(list(sentences))
        self._centre = everything.mean(axis=0)
        size = float(np.sqrt(np.mean((everything - self._centre) ** 2, dtype=np.float64)))
        self._scale = np.float32(1 / max(size, 1e-30))
        data = _padded([self._scaled(words) for words in sentences], distances)
        self._map = _train(data, rank, epochs, learning_rate, torch.Generator().manual_seed(seed))

    def __call__(self, words: np.ndarray) -> np.ndarray:
        """Return the squared distances between the words of a sentence [words, d], float32 [words, words]."""
        return _distances(torch.from_numpy(self._scaled(words))[None] @ self._map)[0].numpy()

    def _scaled(self, words: np.ndarray) -> np.ndarray:
        return (words - self._centre) * self._scale


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
    rank = min(rank, d)
    size = INITIAL / (rank * d) ** 0.5
    mapped = (2 * torch.rand(d, rank, generator=draw) - 1).requires_grad_()  # B in units of its size
    best, lowest, waited, smallest = mapped.detach().clone(), float("inf"), 0, rate * SMALLEST_RATE
    optimiser = torch.optim.Adam([mapped], lr=rate)
    for _ in range(epochs):
        order = learnt[torch.randperm(len(learnt), generator=draw)]
        for rows in order.split(SENTENCES_PER_BATCH):
            optimiser.zero_grad()
            _loss(data, rows, size * mapped).backward()
            optimiser.step()
        with torch.no_grad():
            loss = float(_loss(data, judged, size * mapped))
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
    return size * best


def _loss(data: Padded, rows: torch.Tensor, mapped: torch.Tensor) -> torch.Tensor:
    words, gold, counts = (tensor[rows] for tensor in data)
    longest = int(counts.max())
    real = torch.arange(longest) < counts[:, None]
    found = _distances(words[:, :longest] @ mapped)
    apart = (found - gold[:, :longest, :longest]).abs() * (real[:, :, None] & real[:, None, :])
    return (apart.sum(dim=(1, 2)) / counts**2).mean()


def _distances(mapped: torch.Tensor) -> torch.Tensor:
    """Return the squared distances [n, words, words] between mapped words [n, words, rank]."""
    squares = (mapped**2).sum(dim=-1)
    products = mapped @ mapped.transpose(1, 2)
    return (squares[:, :, None] + squares[:, None, :] - 2 * products).clamp(min=0)

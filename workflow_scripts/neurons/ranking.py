"""The ranking of all neurons by how well they separate each language from the others (paper, section 3.2).

Every language is ranked, each against all others, from one sort of a neuron's responses; so neither another target nor
another k needs a ranking of its own. Memory is bounded by a block of neurons.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import written_whole
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.jobs.progress import Progress
from workflow_scripts.models.sites import NeuronSite, count_neurons
from workflow_scripts.neurons import expert_files
from workflow_scripts.neurons.activation_files import read_token_counts
from workflow_scripts.neurons.activation_reader import NeuronReader
from workflow_scripts.neurons.expertise import rank_statistics

if TYPE_CHECKING:
    from workflow_scripts.config.settings import Pooling

RESPONSE_BYTES = 2**29  # of responses in memory at a time, over all threads


def rank(
    activations: Path,
    experts: Path,
    sites: Sequence[NeuronSite],
    languages: Sequence[str],
    pooling: "Pooling" = "max",
    expertise: Literal["auroc", "average_precision"] = "auroc",
    token_mean: bool = False,
    threads: int = 1,
) -> None:
    """Write the statistics of all neurons for every language (`expert_files`).

    Args:
        activations: Responses of all neurons (`activation_files`).
        experts: File to write.
        sites: Where the neurons are in the model.
        languages: Those to rank for, each against the others.
        pooling: How responses were pooled over tokens.
        expertise: Measure of expertise.
        token_mean: Whether the mean over all tokens is wanted, too; it takes responses pooled by mean.
        threads: Threads that rank blocks of neurons.

    Raises:
        StudyError: a language has no sentences, a response is NaN or infinite, or a mean over all tokens is wanted of
            units that do not respond to all.
    """
    if token_mean and (of_experts := [site.module for site in sites if site.experts]):
        raise StudyError(
            f"intervention.forced_value: token_mean, but units of experts ({of_experts[0]}) respond to the tokens that "
            "are routed to the expert alone; take mean or median, or neurons.sites that leave experts out."
        )
    neurons = count_neurons(sites)
    tokens = [read_token_counts(activations, language) for language in languages]
    if not all(len(counts) for counts in tokens):
        raise StudyError(f"{activations} has a language without sentences.")
    with (
        written_whole(experts) as beside,
        created(beside) as out,
        NeuronReader(activations, pooling, languages) as responses,
        NeuronReader(activations, "mean" if token_mean else pooling, languages) as means,
        ThreadPoolExecutor(threads) as pool,
        Progress("ranking", total=neurons, unit="neuron") as progress,
    ):
        own = threading.local()  # to each thread

        def statistics_of(start: int, stop: int) -> dict[str, np.ndarray]:
            block = own.block = responses.read(start, stop, getattr(own, "block", None))
            ranked = vars(rank_statistics(block, responses.groups, len(languages), expertise, first_neuron=start))
            columns, exact = responses.read_exactly(start, stop, block)
            if len(columns):
                for name, values in vars(rank_statistics(exact, responses.groups, len(languages), expertise)).items():
                    ranked[name][:, columns] = values
            if not token_mean:
                return ranked
            if pooling != "mean":
                block = means.read(start, stop)
                columns, exact = means.read_exactly(start, stop, block)
            of_tokens = _token_means(block, means.groups, tokens)
            of_tokens[:, columns] = _token_means(exact, means.groups, tokens)
            return ranked | {"token_mean": of_tokens}

        names = [name for name in expert_files.STATISTICS if name != "token_mean" or token_mean]
        written = expert_files.create(out, list(languages), list(sites), names)
        width = _block_width(responses, threads)
        blocks = list(pairwise([*range(0, neurons, width), neurons]))
        for (start, stop), statistics in zip(blocks, _in_order(pool, statistics_of, blocks, 2 * threads), strict=True):
            for name, dataset in written.items():
                dataset[:, start:stop] = statistics[name]
            progress.advance(stop - start)


def _block_width(responses: NeuronReader, threads: int) -> int:
    """Neurons that a thread ranks at a time: as lie together in the file, or fewer where there are many sentences."""
    width = responses.width
    while width > 1 and threads * len(responses.groups) * width * responses.dtype.itemsize > RESPONSE_BYTES:
        width //= 2
    return width


def _in_order(pool: Executor, work: Callable[..., Any], arguments: Iterable[tuple], ahead: int) -> Iterator[Any]:
    """What `work` gives for each of the arguments, in their order; so many of them are worked on ahead."""
    waiting = deque()
    for each in arguments:
        waiting.append(pool.submit(work, *each))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _token_means(means: np.ndarray, groups: np.ndarray, tokens: list[np.ndarray]) -> np.ndarray:
    """Mean over all tokens of each language, [languages, neurons], from the means over those of a sentence."""
    return np.stack(
        [counts @ means[groups == row].astype(np.float64) / counts.sum() for row, counts in enumerate(tokens)]
    )

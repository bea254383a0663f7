"""Rank all neurons by how well they separate each language from the others (paper, section 3.2).

Every probing language is ranked, each against all others, from one sort of a neuron's responses; so neither another
target nor another k needs this stage again. Memory is bounded by a block of neurons.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from pydantic import Field

from workflow_scripts.config.settings import Expertise, ProbingLanguages, ResponsePooling
from workflow_scripts.jobs import stage
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import written_whole
from workflow_scripts.jobs.hdf5 import created
from workflow_scripts.jobs.progress import Progress
from workflow_scripts.models.manifests import read_manifest
from workflow_scripts.neurons import expert_files
from workflow_scripts.neurons.activation_files import read_token_counts
from workflow_scripts.neurons.activation_reader import NeuronReader
from workflow_scripts.neurons.expertise import rank_statistics

RESPONSE_BYTES = 2**29  # of responses in memory at a time, over all threads


class Spec(stage.Spec):
    """What the ranking depends on."""

    languages: ProbingLanguages
    pooling: ResponsePooling
    expertise: Expertise
    token_mean: bool = Field(description="Whether the mean over all tokens is wanted too; needs pooling mean.")


def main(command: list[str] | None = None) -> None:
    """Run the stage from its command line."""
    spec, files = stage.arguments(
        Spec,
        __doc__,
        inputs={"model": "manifest of the model", "activations": "responses of all neurons (HDF5)"},
        outputs={"experts": "statistics of all neurons (HDF5)"},
        command=command,
    )
    manifest = read_manifest(files.model)
    tokens = [read_token_counts(files.activations, language) for language in spec.languages]
    if not all(len(counts) for counts in tokens):
        raise StudyError(f"{files.activations} has a language without sentences.")
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    with (
        written_whole(files.experts) as beside,
        created(beside) as out,
        NeuronReader(files.activations, spec.pooling, spec.languages) as responses,
        NeuronReader(files.activations, "mean" if spec.token_mean else spec.pooling, spec.languages) as means,
        ThreadPoolExecutor(threads) as pool,
        Progress("ranking", total=manifest.neurons, unit="neuron") as progress,
    ):
        own = threading.local()  # to each thread

        def rank(start: int, stop: int) -> dict[str, np.ndarray]:
            block = own.block = responses.read(start, stop, getattr(own, "block", None))
            ranked = rank_statistics(block, responses.groups, len(spec.languages), spec.expertise, first_neuron=start)
            if not spec.token_mean:
                return vars(ranked)
            block = block if spec.pooling == "mean" else means.read(start, stop)
            return vars(ranked) | {"token_mean": _token_means(block, means.groups, tokens)}

        names = [name for name in expert_files.STATISTICS if name != "token_mean" or spec.token_mean]
        written = expert_files.create(out, spec.languages, manifest.sites, names)
        width = _block_width(responses, threads)
        blocks = list(pairwise([*range(0, manifest.neurons, width), manifest.neurons]))
        for (start, stop), statistics in zip(blocks, _in_order(pool, rank, blocks, 2 * threads), strict=True):
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


if __name__ == "__main__":
    stage.run(main)

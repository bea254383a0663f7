"""Ranking: expertise of all neurons for every language (paper, section 3.2).

Ours is the whole stage: it reads the cache, ranks every neuron for all languages, measures means, medians and gaps
besides, and writes them. Peers read the cache through HDF5 and compute the AUROC of the study's five targets alone.
"""

import os
from collections.abc import Callable, Iterator
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase
from time import perf_counter

import h5py
import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.models.manifests import ModelManifest, write_manifest
from workflow_scripts.models.sites import NeuronSite
from workflow_scripts.neurons import rank_neurons
from workflow_scripts.neurons.activation_files import ResponseWriter, copy_language
from workflow_scripts.neurons.activation_reader import NeuronReader

LANGUAGES = ["en", "de", "fr", "es", "ja", "zh"]
TARGETS = LANGUAGES[1:]
SENTENCES = 997  # of a language: FLORES-200, dev
CORES = len(os.sched_getaffinity(0))
BLOOM = 30 * (3 * 4096 + 4096 + 4 * 4096 + 4096)  # outputs of all linear layers of BLOOM-7.1B
MOST_NEURONS = 2**17  # a cache of 1.5 GiB
NEURONS = 2**14  # where there is a peer beside the stage


def write_cache(path: Path, languages: list[str], sentences: int, neurons: int, storage: str = "float16") -> Path:
    """A cache of random responses, laid out as the stage `activations` does it.

    Each neuron has a mean of its own for each language; in float16 a third of the responses tie with another.
    """
    generator = np.random.default_rng(0)
    different = min(neurons, 2**13)
    with h5py.File(path, "w") as file:
        for language in languages:
            means = generator.normal(0, 0.5, different).astype(np.float32)
            cell_path = path.with_suffix(".cell")
            with h5py.File(cell_path, "w") as cell:
                with ResponseWriter(cell, ["max"], sentences, neurons, storage) as writer:
                    for start in range(0, sentences, 64):
                        shape = min(64, sentences - start), different
                        drawn = (means + generator.standard_normal(shape, dtype=np.float32)).astype(storage)
                        writer.append({"max": np.tile(drawn, neurons // different)})
                    writer.finish()
                cell["row"] = np.arange(sentences, dtype=np.int32)
                cell["tokens"] = np.full(sentences, 50, dtype=np.int32)
            copy_language(cell_path, file, language)
            cell_path.unlink()
    return path


@pytest.fixture(scope="module")
def make_cache(tmp_path_factory) -> Iterator[Callable[..., Path]]:
    """Makes (once a run) a cache: `make_cache(languages, sentences, neurons, storage)`; all are deleted in the end."""
    made = {}

    def make(languages: int, sentences: int, neurons: int, storage: str = "float16") -> Path:
        key = languages, sentences, neurons, storage
        if key not in made:
            path = tmp_path_factory.mktemp("cache") / "responses.h5"
            made[key] = write_cache(path, names(languages), sentences, neurons, storage)
        return made[key]

    yield make
    for path in made.values():
        path.unlink()


def names(languages: int) -> list[str]:
    """Codes of so many languages, beyond the first six those that ISO 639 leaves to private use."""
    private = ("q" + "".join(letters) for letters in product(ascii_lowercase[:20], ascii_lowercase))
    return [*LANGUAGES, *islice(private, max(0, languages - len(LANGUAGES)))][:languages]


@pytest.fixture(scope="module")
def cache(make_cache) -> Path:
    """The largest cache; the stage can be told that the model has fewer neurons."""
    return make_cache(len(LANGUAGES), SENTENCES, MOST_NEURONS)


def stage(cache: Path, neurons: int, threads: int = 1, languages: list[str] = LANGUAGES) -> Path:
    """Run the stage on the first neurons of a cache; returns where its results lie."""
    manifest, ranked = cache.with_name(f"{neurons}.json"), cache.with_name(f"ranked-{neurons}.h5")
    write_manifest(
        manifest,
        ModelManifest(
            name="random", hub=None, revision=None, directory="", identity="", architecture="", dtype="float32",
            device_map=None, trust_remote_code=False, pickle_weights=False, context=None, width=1,
            sites=[NeuronSite(module="", layer=0, width=neurons, offset=0)],
        ),
    )  # fmt: skip
    spec = {"languages": languages, "pooling": "max", "expertise": "auroc", "token_mean": False}
    os.environ["OMP_NUM_THREADS"] = str(threads)
    files = {"model": manifest, "activations": cache, "experts": ranked}
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    rank_neurons.main(["--spec", canonical_json(spec), *options])
    return ranked


def read_peer(cache: Path, neurons: int) -> np.ndarray:
    """Responses of the first neurons, [sentences, neurons]."""
    with h5py.File(cache) as file:
        return np.concatenate([file[f"max/{language}"][:, :neurons] for language in LANGUAGES])


def labels(target: str) -> np.ndarray:
    """Which sentences are of a language."""
    return np.repeat(np.array(LANGUAGES) == target, SENTENCES)


def one_at_a_time(cache: Path, neurons: int) -> np.ndarray:
    """AUROC [targets, neurons] as the public code of AurA and of AcT has it: `roc_auc_score` of each neuron."""
    responses = read_peer(cache, neurons)
    return np.array([[roc_auc_score(labels(target), column) for column in responses.T] for target in TARGETS])


def in_blocks(cache: Path, neurons: int) -> np.ndarray:
    """AUROC [targets, neurons] from midranks (Mann-Whitney U), which all targets share, of a block of neurons."""
    # float32 is what scipy ranks quickest.
    ranks = rankdata(read_peer(cache, neurons).astype(np.float32), axis=0)
    wins = np.array([ranks[labels(target)].sum(axis=0) for target in TARGETS]) - SENTENCES * (SENTENCES + 1) / 2
    return wins / (SENTENCES * SENTENCES * (len(LANGUAGES) - 1))


def same(ours: Path, peer: np.ndarray) -> None:
    """AUROC of the peer's neurons is the same."""
    with h5py.File(ours) as file:
        np.testing.assert_allclose(file["expertise"][1:, : peer.shape[1]], peer, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("storage", "target"), [("float16", 100), ("float32", 30)])
def test_ranking_beside_scikit_learn(side_by_side, make_cache, cache, storage, target):
    slice_of_peer = 32  # all of them would take it half an hour
    path = cache if storage == "float16" else make_cache(len(LANGUAGES), SENTENCES, NEURONS // 2, storage)
    neurons = NEURONS if storage == "float16" else NEURONS // 2
    side_by_side.time(
        f"Ranking, {storage}, one core",
        "scikit-learn `roc_auc_score` a neuron and target",
        lambda: stage(path, neurons),
        lambda: one_at_a_time(path, slice_of_peer),
        same,
        target,
        amounts=(neurons, slice_of_peer),
        unit="neuron",
        note="The whole stage; the peer has the AUROC of five targets alone.",
    )


@pytest.mark.parametrize(("storage", "target"), [("float16", 15), ("float32", 5)])
def test_ranking_beside_scipy(side_by_side, make_cache, cache, storage, target):
    path = cache if storage == "float16" else make_cache(len(LANGUAGES), SENTENCES, NEURONS // 2, storage)
    neurons = NEURONS if storage == "float16" else NEURONS // 2
    block = 1024  # whole chunks of the cache
    side_by_side.time(
        f"Ranking, {storage}, one core",
        "scipy `rankdata` of a block of neurons, sums for the targets",
        lambda: stage(path, neurons),
        lambda: in_blocks(path, block),
        same,
        target,
        amounts=(neurons, block),
        unit="neuron",
        note="The whole stage; the peer has the AUROC of five targets alone.",
    )


def test_all_cores_beside_one(side_by_side, cache):
    def same(ours: Path, peer: Path) -> None:
        with h5py.File(ours) as one, h5py.File(peer) as other:
            for name in one:
                np.testing.assert_array_equal(one[name], other[name])

    side_by_side.time(
        f"Ranking, float16, {CORES} cores",
        "the same on one core",
        lambda: stage(cache, 2 * NEURONS, CORES).rename(cache.with_name("all.h5")),
        lambda: stage(cache, 2 * NEURONS, 1).rename(cache.with_name("one.h5")),
        same,
        target=0.8 * CORES,
        amounts=(2 * NEURONS, 2 * NEURONS),
        unit="neuron",
    )


def test_reading_beside_hdf5(side_by_side, cache):
    def ours() -> np.ndarray:
        with NeuronReader(cache, "max", LANGUAGES) as reader:
            for start in range(0, NEURONS, reader.width):
                block = reader.read(start, start + reader.width)
        return block  # the last: holding all of them would be measured too

    def peer() -> np.ndarray:
        for start in range(0, NEURONS, 1024):
            block = read_columns(start, start + 1024)
        return block

    def read_columns(start: int, stop: int) -> np.ndarray:
        block = np.empty((len(LANGUAGES) * SENTENCES, stop - start), np.float16)
        with h5py.File(cache) as file:
            for number, language in enumerate(LANGUAGES):
                file[f"max/{language}"].read_direct(
                    block, np.s_[:, start:stop], np.s_[number * SENTENCES : (number + 1) * SENTENCES]
                )
        return block

    side_by_side.time(
        "Reading the cache, checksums verified, one core",
        "HDF5 through h5py, `read_direct`",
        ours,
        peer,
        np.testing.assert_array_equal,
        target=1.5,
        amounts=(NEURONS, NEURONS),
        unit="neuron",
    )


def test_a_whole_model_takes_minutes(side_by_side, cache):
    neurons = MOST_NEURONS

    def minutes() -> float:
        stage(cache, neurons)
        started = perf_counter()
        stage(cache, neurons)
        return (perf_counter() - started) / 60 * BLOOM / neurons

    side_by_side.stay_below(
        f"Ranking of {BLOOM:,} neurons (all linear layers of BLOOM-7.1B), one core",
        minutes,
        "min",
        bound=1,
        note=f"Extrapolated from {neurons:,} neurons, whose cache the system holds in memory.",
    )


def test_ranking_rate(side_by_side, cache):
    # At the least, the responses are read once, float16, and four statistics written for each language, float64.
    moved = NEURONS * len(LANGUAGES) * (SENTENCES * 2 + 4 * 8)
    side_by_side.rate(f"Ranking, {CORES} cores", lambda: stage(cache, NEURONS, CORES), NEURONS, "neuron", moved=moved)


def ranking(neurons: int, cache: Path, threads: int, languages: list[str]) -> Callable[[], object]:
    """Make the stage ready in a fresh process: compiled, by ranking a few neurons."""
    stage(cache, 64, threads, languages)
    return lambda: stage(cache, neurons, threads, languages)


@pytest.mark.parametrize(
    ("languages", "sentences", "neurons", "storage"),
    [(6, SENTENCES, MOST_NEURONS, "float16"), (6, 20_000, 512, "float16"), (100, 1000, 1024, "float32")],
    ids=["many neurons", "many sentences", "many languages"],
)
def test_memory_stays_below_a_bound(side_by_side, make_cache, languages, sentences, neurons, storage):
    from benchmarks.memory import peak_bytes

    path = make_cache(languages, sentences, neurons, storage)
    side_by_side.stay_below(
        f"Peak memory of ranking {neurons:,} neurons, {languages} × {sentences:,} sentences, {storage}",
        lambda: peak_bytes(ranking, neurons, path, CORES, names(languages)) / 2**30,
        "GiB",
        bound=1,
        note=f"The cache has {path.stat().st_size / 2**30:.2g} GiB; {CORES} cores.",
    )


def test_growth_of_memory_with_neurons(growth, cache):
    growth.of_memory("Peak memory of ranking", "neurons", ranking, [2**13, 2**15, 2**17], cache, CORES, LANGUAGES)


def test_growth_of_time_with_neurons(growth, cache):
    growth.of_time(
        "Time of ranking", "neurons", lambda neurons: lambda: stage(cache, neurons), [2**12, 2**13, 2**14, 2**15]
    )


def test_growth_of_time_with_sentences(growth, make_cache):
    def prepare(sentences: int) -> Callable[[], object]:
        path = make_cache(len(LANGUAGES), sentences, 2048)
        return lambda: stage(path, 2048)

    growth.of_time("Time of ranking", "sentences a language", prepare, [500, 1000, 2000, 4000])


def test_growth_of_time_with_languages(growth, make_cache):
    path = make_cache(24, SENTENCES, 2048)
    growth.of_time(
        "Time of ranking",
        f"languages of {SENTENCES} sentences",
        lambda languages: lambda: stage(path, 2048, languages=names(languages)),
        [3, 6, 12, 24],
    )

"""Retrieval between languages (paper, sections 5 and 6), at the size of FLORES-200: 22 languages, 1,012 sentences."""

from collections.abc import Callable
from itertools import combinations, permutations
from pathlib import Path

import faiss
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from workflow_scripts.embeddings.embedding_files import open_part, write_part
from workflow_scripts.measures.retrieval import pairwise_top1_accuracies, top1_accuracies

LANGUAGES, SENTENCES, WIDTH = 22, 1012, 1024
SIMILARITIES = ["inner_product", "cosine"]  # of the paper
STREAMED = [1_000, 10_000, 100_000]


def translations(languages: int, sentences: int = SENTENCES) -> np.ndarray:
    """A meaning of each sentence and more noise than meaning, so that a part is found: [languages, sentences, d]."""
    generator = np.random.default_rng(0)
    meanings = generator.standard_normal((sentences, WIDTH), dtype=np.float32)
    noise = generator.standard_normal((languages, sentences, WIDTH), dtype=np.float32)
    noise *= np.linspace(2.5, 3.4, languages, dtype=np.float32)[:, None, None]
    return noise + meanings


@pytest.fixture(scope="module")
def embeddings() -> np.ndarray:
    return translations(LANGUAGES)


def ours(embeddings: np.ndarray) -> Callable[[], dict[str, np.ndarray]]:
    return lambda: pairwise_top1_accuracies(embeddings, SIMILARITIES)


def test_top1_accuracies_beside_faiss(side_by_side, embeddings):
    faiss.omp_set_num_threads(next(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"))
    right = np.arange(SENTENCES)

    def by_faiss() -> dict[str, np.ndarray]:
        """As FAISS's wiki has it ("Getting started", "MetricType and distances"): exact, normalised for the cosine."""
        found = {}
        for similarity in SIMILARITIES:
            vectors = embeddings.copy()
            if similarity == "cosine":
                faiss.normalize_L2(vectors.reshape(-1, WIDTH))
            found[similarity] = np.full((LANGUAGES, LANGUAGES), np.nan)
            for candidates, queries in permutations(range(LANGUAGES), 2):
                index = faiss.IndexFlatIP(WIDTH)
                index.add(vectors[candidates])
                _, nearest = index.search(vectors[queries], 1)
                found[similarity][queries, candidates] = (nearest[:, 0] == right).mean()
        return found

    def same(of_ours, of_peer):
        """Equal, but for one query in a handful of the 924 cells, whose best two may be closer than float32 tells."""
        for similarity in SIMILARITIES:
            queries = np.abs(of_ours[similarity] - of_peer[similarity])[~np.eye(LANGUAGES, dtype=bool)] * SENTENCES
            assert queries.max() < 1.001 and (queries > 0.001).sum() <= 5
            assert 0.2 < np.nanmin(of_ours[similarity]) < np.nanmax(of_ours[similarity]) < 0.9

    side_by_side.time(
        "Top-1 retrieval, 22 × 21 pairs of languages, two similarities",
        "a FAISS flat index for each pair",
        ours(embeddings),
        by_faiss,
        same,
        target=1,
        rounds=3,
    )


def test_top1_accuracies_beside_a_product_of_each_pair_and_similarity(side_by_side, embeddings):
    _beside_products(
        side_by_side,
        embeddings,
        "the bare products, one of each two languages and similarity",
        [pair for pair in combinations(range(LANGUAGES), 2) for _ in SIMILARITIES],
        target=0.667,
        note="the products alone, nothing ranked",
    )


def test_top1_accuracies_beside_a_product_of_each_two_languages(side_by_side, embeddings):
    _beside_products(
        side_by_side,
        embeddings,
        "the bare products, one of each two languages",
        list(combinations(range(LANGUAGES), 2)),
        target=0.667,
        note="the products alone, nothing ranked: no exact search in float32 does with less",
    )


def test_top1_accuracies_beside_a_product_of_each_ordered_pair_and_similarity(side_by_side, embeddings):
    _beside_products(
        side_by_side,
        embeddings,
        "the bare products, one of each ordered pair and similarity",
        [pair for pair in permutations(range(LANGUAGES), 2) for _ in SIMILARITIES],
        target=1,
        rounds=2,
        note="the products alone, nothing ranked; as many as flat indexes compute",
    )


def _beside_products(
    side_by_side,
    embeddings: np.ndarray,
    beside: str,
    pairs: list[tuple[int, int]],
    target: float,
    note: str,
    rounds: int = 3,
) -> None:
    def products() -> np.ndarray:
        product = np.empty((SENTENCES, SENTENCES), dtype=np.float32)
        for one, other in pairs:
            np.matmul(embeddings[one], embeddings[other].T, out=product)
        return product

    def same(of_ours, product):
        one, other = pairs[-1]
        right = np.arange(SENTENCES)
        assert abs(of_ours["inner_product"][one, other] - (product.argmax(axis=1) == right).mean()) < 1e-9
        assert abs(of_ours["inner_product"][other, one] - (product.argmax(axis=0) == right).mean()) < 1e-9

    side_by_side.time(
        "Top-1 retrieval, 22 × 21 pairs of languages, two similarities",
        beside,
        ours(embeddings),
        products,
        same,
        target=target,
        rounds=rounds,
        note=note,
    )


def test_rate_of_retrieval(side_by_side, embeddings):
    pairs = LANGUAGES * (LANGUAGES - 1) // 2
    side_by_side.rate(
        "Retrieval, two similarities",
        ours(embeddings),
        amount=2 * pairs,
        unit="ordered pair of languages",
        # One product of n × d and d × n for each two languages: 2·n·n·d.
        flop=2 * SENTENCES * SENTENCES * WIDTH * pairs,
    )


def test_time_against_languages(growth):
    growth.of_time(
        "Retrieval, time", "languages", lambda languages: ours(translations(languages)), [4, 8, 16], rounds=2
    )


def test_time_against_sentences(growth):
    growth.of_time(
        "Retrieval, time", "sentences", lambda sentences: ours(translations(3, sentences)), [500, 1000, 2000, 4000]
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    """Folder of files with queries and so many candidates, among them theirs."""
    import h5py

    folder = tmp_path_factory.mktemp("streamed")
    queries, found = translations(2, STREAMED[0])
    generator = np.random.default_rng(1)
    for count in STREAMED:
        rest = generator.standard_normal((count - len(found), WIDTH), dtype=np.float32)
        with h5py.File(folder / f"{count}.h5", "w") as file:
            write_part(file.create_group("de/query"), [str(row) for row in range(len(queries))], queries)
            candidates = np.concatenate([found, rest])
            write_part(file.create_group("de/candidates"), [str(row) for row in range(count)], candidates)
    return folder


def ready_to_stream(count: int, folder: Path) -> Callable[[], object]:
    path = folder / f"{count}.h5"

    def work() -> dict[str, float]:
        with open_part(path, "de", "query") as (ids, queries), open_part(path, "de", "candidates") as (_, candidates):
            return top1_accuracies(queries, candidates, np.arange(len(ids)), SIMILARITIES)

    return work


def test_memory_against_candidates_that_stay_on_disk(growth, stored):
    growth.of_memory("Retrieval from a file, peak memory", "candidates", ready_to_stream, STREAMED, stored)


def test_time_against_candidates_that_stay_on_disk(growth, stored):
    growth.of_time(
        "Retrieval from a file, time",
        "candidates",
        lambda count: ready_to_stream(count, stored),
        STREAMED,
        rounds=1,
    )

"""What is counted does not depend on how products of matrices round: on the processor's kernel, threads or blocks."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from workflow_scripts.config.sections import Resampling
from workflow_scripts.kinship.pair_correlations import correlate_pairs
from workflow_scripts.measures import bootstrap, retrieval
from workflow_scripts.measures.averages import (
    average_over_candidates,
    averages_over_languages,
    averages_over_pairs,
)
from workflow_scripts.measures.centring import centred
from workflow_scripts.measures.correlations import correlate
from workflow_scripts.measures.definitions import abx
from workflow_scripts.measures.definitions.abx import abx_scores
from workflow_scripts.measures.definitions.relations import midranks, representational_similarity
from workflow_scripts.measures.measure_space import rank_measures
from workflow_scripts.measures.retrieval import pairwise_top1_accuracies, top1_accuracy

ROOT = Path(__file__).parents[2]
SIMILARITIES = ["inner_product", "cosine", "centred_cosine", "margin", "csls"]
# Kernels of OpenBLAS with the instructions that each needs; variables that make it cut matrices otherwise; threads.
KERNELS = [
    ("Haswell", "avx2", {"OPENBLAS_L2_SIZE": "512", "OPENBLAS_NUM_THREADS": "1"}),
    ("Zen", "avx2", {"OPENBLAS_NUM_THREADS": "2"}),
    ("SkylakeX", "avx512f", {"OPENBLAS_NUM_THREADS": "1"}),
    ("SkylakeX", "avx512f", {"OPENBLAS_NUM_THREADS": "2"}),
]
TOLERANCE = 1e-9


def space() -> np.ndarray:
    """Four languages in which sentences are close together, as under an intervention, some twice, some nearly so."""
    draw = np.random.default_rng(0)
    meaning = draw.normal(0, 1, (40, 300))
    embeddings = (30 + meaning + draw.normal(0, 2, (4, 40, 300))).astype(np.float32)
    embeddings[:, 30:35] = embeddings[:, :5]  # copies
    embeddings[:, 35:] = embeddings[:, 5:10] * np.float32(4)  # of the same direction
    embeddings[:, 29] = embeddings[:, 28]
    embeddings[:, 29, 0] = np.nextafter(embeddings[:, 29, 0], np.float32(np.inf))  # nearly so
    embeddings[1] = embeddings[0]
    return embeddings


def shares(seed: int, languages: int = 7) -> np.ndarray:
    """Accuracies of so few queries that many resamples have the same mean: [matrices, languages, languages]."""
    return np.random.default_rng(seed).integers(0, 6, (2, languages, languages)) / 30


def tables() -> dict[str, list]:
    """Everything that counts what rounding could move, by name."""
    embeddings = space()
    found = {f"retrieval {name}": of for name, of in pairwise_top1_accuracies(embeddings, SIMILARITIES).items()}
    found |= {f"search {name}": of for name, of in rank_measures(embeddings, "none", [])[0].items()}
    found |= {f"ABX {task}": scores for task, scores in abx_scores(embeddings).items()}
    found["RSA"] = representational_similarity(embeddings)
    resampling = Resampling(resamples=300, interval="BCa", seed=1)
    averages = [
        *averages_over_pairs(shares(0), resampling),
        *averages_over_languages(shares(1)[0] - shares(2)[0], resampling),
        average_over_candidates(np.where(np.eye(7, dtype=bool), np.nan, shares(3)[0])[:3], resampling),
    ]
    found["averages"] = np.array([(each.mean, each.ci_low, each.ci_high) for each in averages])
    x, y = np.random.default_rng(2).integers(0, 9, (2, 8)) / 30
    one = correlate(x, y, Resampling(resamples=300, interval="BCa", seed=1))
    found["correlation"] = np.array([one.r, one.ci_low, one.ci_high])
    of_pairs = correlate_pairs(np.random.default_rng(9).random((2, 8, 8)), shares(4, 8), resampling)
    found["pair correlations"] = np.stack([of_pairs.values, of_pairs.low, of_pairs.high])
    return {name: np.asarray(values).tolist() for name, values in found.items()}


def same(found: dict[str, list], expected: dict[str, list]) -> None:
    assert set(found) == set(expected)
    for name, values in found.items():
        np.testing.assert_allclose(values, expected[name], rtol=0, atol=TOLERANCE, err_msg=name)


@pytest.fixture(scope="module")
def here() -> dict[str, list]:
    return tables()


@pytest.mark.parametrize(("kernel", "needs", "variables"), KERNELS)
def test_tables_are_the_same_under_every_kernel(kernel, needs, variables, here):
    if needs not in Path("/proc/cpuinfo").read_text().split():
        pytest.skip(f"the kernel {kernel} needs {needs}")
    command = "import json, test_kernels; print(json.dumps(test_kernels.tables()))"
    chosen = {"OPENBLAS_CORETYPE": kernel, "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}"}
    environment = os.environ | variables | chosen
    done = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, text=True, check=True)
    same(json.loads(done.stdout), here)


@pytest.mark.parametrize("rows", [7, 16])
def test_tables_are_the_same_whatever_the_blocks(rows, here, monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK_ROWS", rows)
    monkeypatch.setattr(abx, "BLOCK_BYTES", 8 * 4 * 40 * rows)
    same(tables(), here)


def test_dense_and_streamed_retrieval_find_the_same(here):
    for similarity in ("cosine", "margin", "csls"):
        np.testing.assert_allclose(
            here[f"search {similarity}_accuracy"], here[f"retrieval {similarity}"], rtol=0, atol=TOLERANCE
        )
    embeddings = space()
    _, counted = rank_measures(embeddings, "none", ["inner_product"])
    _, of_centred = rank_measures(centred(embeddings, "all"), "all", ["centred_cosine"])
    for name, found in {**counted, **of_centred}.items():
        np.testing.assert_allclose(found.mean(axis=-1), here[f"retrieval {name}"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("crowded", [0.0, 1.0])
def test_one_product_of_all_is_as_good_as_one_of_each(crowded, here, monkeypatch):
    monkeypatch.setattr(retrieval, "CROWDED", crowded)
    found = pairwise_top1_accuracies(space(), SIMILARITIES)
    for similarity, matrix in found.items():
        np.testing.assert_allclose(matrix, here[f"retrieval {similarity}"], rtol=0, atol=TOLERANCE)


def exactly_found(queries: np.ndarray, candidates: np.ndarray) -> Fraction:
    """Top-1 accuracy by inner products without any rounding."""
    found = Fraction(0)
    for number, query in enumerate(queries):
        products = [
            sum(Fraction(float(x)) * Fraction(float(y)) for x, y in zip(query, candidate, strict=True))
            for candidate in candidates
        ]
        if products[number] == max(products):
            found += Fraction(1, products.count(max(products)))
    return found / len(queries)


@pytest.mark.parametrize("rows", [3, retrieval.BLOCK_ROWS])
def test_retrieval_tells_apart_what_float32_cannot(rows, monkeypatch):
    """Sentences so close together that most products are the same number in float32, one of them twice."""
    monkeypatch.setattr(retrieval, "BLOCK_ROWS", rows)
    draw = np.random.default_rng(3)
    meaning = draw.normal(0, 2.0**-10, (12, 20))
    queries, candidates = (1 + meaning + draw.normal(0, 2.0**-11, (2, 12, 20))).astype(np.float32)
    candidates[11] = candidates[10]
    candidates /= np.linalg.norm(candidates, axis=1, keepdims=True)  # so that no long one is best for all
    expected = exactly_found(queries, candidates)
    assert Fraction(1, 3) < expected < 1
    assert top1_accuracy(queries, candidates, np.arange(12), "inner_product") == pytest.approx(float(expected))


def test_the_bias_correction_of_bca_counts_resamples_equal_to_the_value_half():
    """Of thirds, whose sums round, against shares counted without rounding."""
    values = [Fraction(number, 3) for number in (1, 2, 4, 5, 7, 9)]
    draws = np.random.default_rng(5).integers(0, 6, (400, 6))
    sums = [sum(values[place] for place in drawn) for drawn in draws]
    observed = sum(values)
    assert sums.count(observed) > 10
    below = (sum(one < observed for one in sums) + sum(one <= observed for one in sums)) / 2 / 400
    # Efron and Tibshirani 1993, equations 14.10 and 14.15.
    deviations = np.array([float(value - observed / 6) for value in values])
    acceleration = (deviations**3).sum() / 6 / (deviations**2).sum() ** 1.5
    moved = ndtri(below) + ndtri(np.array([0.05, 0.95]))
    ends = np.quantile([float(one / 6) for one in sums], ndtr(ndtri(below) + moved / (1 - acceleration * moved)))
    floats = np.array([float(value) for value in values])
    (found,) = averages_over_languages(floats[None], Resampling(resamples=400, confidence=0.9, interval="BCa", seed=5))
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(ends), abs=1e-12)


@pytest.mark.parametrize("interval", ["percentile", "BCa"])
def test_an_error_far_below_what_is_told_apart_moves_no_interval(interval):
    """The statistic with noise of the last bits is the statistic without."""
    draw = np.random.default_rng(7)

    def mean(drawn, axis=-1):
        return drawn.mean(axis=axis)

    def noisy(drawn, axis=-1):
        return mean(drawn, axis) + draw.uniform(-1e-15, 1e-15, mean(drawn, axis).shape)

    values = np.arange(8) / 10
    resampling = Resampling(resamples=500, confidence=0.9, interval=interval)
    expected = bootstrap.bootstrap((values,), mean, resampling, 1e-14)
    found = bootstrap.bootstrap((values,), noisy, resampling, 1e-14)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_midranks_within_the_error_count_half():
    values = np.array([0.3, 0.1 + 0.2, 0.5, 0.1])
    assert midranks(values).tolist() == [2, 3, 4, 1]
    assert midranks(values, 1e-15).tolist() == [2.5, 2.5, 4, 1]


def test_translations_in_a_copy_of_a_language_are_found_where_they_are_not_copies(here):
    """A language that is a copy of another, in which 22 sentences are there twice but for what rounding leaves."""
    expected = (40 - 22 / 2) / 40
    for one, other in permutations(range(2)):
        assert here["retrieval cosine"][one][other] == pytest.approx(expected)
        assert here["search cosine_accuracy"][one][other] == pytest.approx(expected)

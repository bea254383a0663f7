import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import average_precision_score, roc_auc_score

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.neurons.expertise import rank_statistics

few_examples = settings(suppress_health_check=[HealthCheck.too_slow])


@st.composite
def slabs(draw):
    """Responses with many ties, zeros of both signs, denormals and extremes, and languages of unequal sizes."""
    dtype = draw(st.sampled_from([np.float16, np.float32]))
    languages = draw(st.integers(2, 5))
    sizes = draw(st.lists(st.integers(1, 12), min_size=languages, max_size=languages))
    limits = np.finfo(dtype)
    special = [0.0, -0.0, limits.smallest_subnormal, -limits.smallest_subnormal, limits.max, limits.min, 1.0, -1.0]
    anything = st.floats(allow_nan=False, allow_infinity=False, width=np.dtype(dtype).itemsize * 8)
    values = draw(st.sampled_from([st.sampled_from(special), anything, st.sampled_from(special) | anything]))
    shape = (sum(sizes), draw(st.integers(1, 3)))
    responses = draw(arrays.arrays(dtype, shape, elements=values))
    groups = np.array(draw(st.permutations(np.repeat(np.arange(languages), sizes).tolist())))
    return responses, groups, languages


def noisy(sentences=600, neurons=150, languages=6, dtype=np.float16, seed=0):
    """Responses of neurons of which some know a language, coarse enough to tie."""
    generator = np.random.default_rng(seed)
    groups = np.sort(generator.integers(0, languages, sentences))
    taste = generator.normal(size=(languages, neurons))
    return np.round(taste[groups] + generator.normal(size=(sentences, neurons)), 2).astype(dtype), groups


@few_examples
@given(slabs())
def test_auroc_is_that_of_scikit_learn(slab):
    responses, groups, languages = slab
    found = rank_statistics(responses, groups, languages).expertise
    for (language, neuron), auroc in np.ndenumerate(found):
        assert auroc == pytest.approx(
            roc_auc_score(groups == language, responses[:, neuron].astype(np.float64)), abs=1e-12
        )


@few_examples
@given(slabs())
def test_average_precision_is_that_of_scikit_learn(slab):
    responses, groups, languages = slab
    found = rank_statistics(responses, groups, languages, "average_precision").expertise
    for (language, neuron), precision in np.ndenumerate(found):
        expected = average_precision_score(groups == language, responses[:, neuron].astype(np.float64))
        assert precision == pytest.approx(expected, abs=1e-12)


@few_examples
@given(slabs())
def test_mean_median_and_gap_are_those_of_numpy(slab):
    responses, groups, languages = slab
    found = rank_statistics(responses, groups, languages)
    exact = responses.astype(np.float64)
    size = np.abs(exact).max(axis=0)
    deviation = exact.std(axis=0)
    for language in range(languages):
        positive, negative = exact[groups == language], exact[groups != language]
        assert (np.abs(found.mean[language] - positive.mean(axis=0)) <= 1e-12 * size).all()
        np.testing.assert_array_equal(found.median[language], np.median(positive, axis=0))
        with np.errstate(invalid="ignore"):
            gap = (positive.mean(axis=0) - negative.mean(axis=0)) / deviation
        constant = (exact == exact[0]).all(axis=0)
        np.testing.assert_allclose(found.gap[language], np.where(constant, 0, gap), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_constant_neuron_has_auroc_one_half_and_no_gap(dtype):
    responses = np.full((7, 2), 0.1, dtype=dtype)
    responses[:3, 1] = -0.0
    responses[3:, 1] = 0.0
    found = rank_statistics(responses, np.array([0, 0, 0, 1, 1, 2, 2]), 3)
    np.testing.assert_array_equal(found.expertise, 0.5)
    np.testing.assert_array_equal(found.gap, 0.0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_many_neurons_and_sentences_agree_with_scikit_learn(dtype):
    responses, groups = noisy(dtype=dtype)
    auroc = rank_statistics(responses, groups, 6).expertise
    precision = rank_statistics(responses, groups, 6, "average_precision").expertise
    for neuron in range(0, 150, 15):
        for language in range(6):
            scores = responses[:, neuron].astype(np.float64)
            assert auroc[language, neuron] == pytest.approx(roc_auc_score(groups == language, scores), abs=1e-12)
            expected = average_precision_score(groups == language, scores)
            assert precision[language, neuron] == pytest.approx(expected, abs=1e-12)


def test_all_float16_numbers_are_read_and_ordered():
    numbers = np.arange(2**16, dtype=np.uint16).view(np.float16)
    numbers = np.random.default_rng(0).permutation(numbers[np.isfinite(numbers)])[:, None]
    groups = (numbers[:, 0] > 0).astype(int)
    found = rank_statistics(numbers, groups, 2)
    assert found.expertise[:, 0].tolist() == [0.0, 1.0]
    exact = numbers[:, 0].astype(np.float64)
    np.testing.assert_allclose(found.mean[:, 0], [exact[groups == 0].mean(), exact[groups == 1].mean()], rtol=1e-13)
    assert found.median[:, 0].tolist() == [np.median(exact[groups == 0]), np.median(exact[groups == 1])]


def test_threads_slices_and_the_order_of_sentences_change_nothing():
    responses, groups = noisy(neurons=200)
    whole = rank_statistics(responses, groups, 6)
    shuffled = np.random.default_rng(1).permutation(len(groups))
    for other in (
        rank_statistics(responses, groups, 6, threads=3),
        rank_statistics(np.asfortranarray(responses), groups, 6),
        rank_statistics(responses[shuffled], groups[shuffled], 6),
    ):
        np.testing.assert_array_equal(other.expertise, whole.expertise)
        np.testing.assert_array_equal(other.median, whole.median)
        np.testing.assert_allclose(other.gap, whole.gap, rtol=0, atol=1e-12)
    part = rank_statistics(responses[:, 70:130], groups, 6)
    np.testing.assert_array_equal(part.gap, whole.gap[:, 70:130])


def test_the_responses_given_stay_as_they_were():
    responses, groups = noisy(neurons=3)
    before = responses.copy()
    rank_statistics(responses, groups, 6)
    np.testing.assert_array_equal(responses, before)
    assert responses.flags.writeable


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (-np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "inf")])
def test_nan_and_infinity_are_refused_with_the_number_of_the_neuron(dtype, value, word):
    responses, groups = noisy(dtype=dtype)
    responses[17, 101] = value
    with pytest.raises(StudyError, match=f"neuron 1101 .*{word}"):
        rank_statistics(responses, groups, 6, first_neuron=1000)


def test_overflow_of_float16_names_its_remedy():
    with np.errstate(over="ignore"):
        responses = np.array([[70000.0], [1.0]]).astype(np.float16)
    with pytest.raises(StudyError, match=r"experts\.storage: float32"):
        rank_statistics(responses, np.array([0, 1]), 2)


def test_a_language_without_sentences_is_refused():
    with pytest.raises(StudyError, match="3, 0, 1"):
        rank_statistics(np.ones((4, 1), np.float32), np.array([0, 0, 0, 2]), 3)
    with pytest.raises(StudyError, match="two or more languages"):
        rank_statistics(np.ones((4, 1), np.float32), np.zeros(4, int), 1)
    with pytest.raises(ValueError, match="of language 2"):
        rank_statistics(np.ones((4, 1), np.float32), np.array([0, 1, 1, 2]), 2)


def test_it_can_be_imported_where_no_cache_can_be_written():
    environment = {**os.environ, "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator", "NUMBA_CACHE_DIR": ""}
    command = [sys.executable, "-c", "import workflow_scripts.neurons.expertise"]
    subprocess.run(command, env=environment, check=True)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from workflow_scripts.conditions.selection import random_units, top_units
from workflow_scripts.jobs.errors import StudyError

EXPERTISE = np.array([0.9, 0.5, 0.9, 0.1, 0.9, 0.2])
GAP = np.array([1.0, 0.0, 2.0, -3.0, 1.0, -2.0])
SITES = np.array([0, 2, 3, 6])


@pytest.mark.parametrize(
    ("k", "selection", "units"),
    [
        (0, "top", []),
        (1, "top", [2]),  # equal expertise, larger gap
        (2, "top", [0, 2]),  # equal expertise and gap, lower index
        (3, "top", [0, 2, 4]),
        (6, "top", [0, 1, 2, 3, 4, 5]),
        (2, "bottom", [3, 5]),
        (1, "two_sided", [3]),  # 0.1 is as far from ½ as 0.9, and its gap farther from 0
        (3, "two_sided", [0, 2, 3]),
        (3, "per_layer", [0, 2, 4]),
        (4, "per_layer", [0, 1, 2, 4]),  # one each, and one more for the first
        (5, "per_layer", [0, 1, 2, 4, 5]),  # the second site has no more to give
    ],
)
def test_units_are_chosen_by_expertise_then_gap_then_index(k, selection, units):
    chosen = top_units(EXPERTISE, GAP, SITES, k, selection)
    assert chosen.dtype == np.int64
    assert chosen.tolist() == units


def test_equal_neurons_are_taken_from_the_first_on():
    same = np.full(1000, 0.5)
    for selection in ("top", "bottom", "two_sided"):
        assert top_units(same, same, np.array([0, 1000]), 10, selection).tolist() == list(range(10))


def test_the_sites_of_a_layer_share_its_part():
    chosen = top_units(EXPERTISE, GAP, SITES, 4, "per_layer", layers=np.array([0, 0, 1]))
    assert chosen.tolist() == [0, 2, 4, 5]


@given(arrays.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 5)), st.data())
def test_the_top_k_are_those_of_a_full_sort(levels, data):
    gap = data.draw(arrays.arrays(np.int64, len(levels), elements=st.integers(0, 2))).astype(float)
    k = data.draw(st.integers(0, len(levels)))
    expertise = levels / 5
    ranking = sorted(range(len(levels)), key=lambda unit: (-expertise[unit], -gap[unit], unit))
    assert top_units(expertise, gap, np.array([0, len(levels)]), k).tolist() == sorted(ranking[:k])


def test_more_units_than_neurons_are_refused():
    with pytest.raises(StudyError, match="k = 7, but the model has only 6 neurons"):
        top_units(EXPERTISE, GAP, SITES, 7)


@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(0, 60))
def test_random_units_are_distinct_reproducible_and_no_experts(seed, k, first):
    experts = np.arange(first, first + 40)
    units = random_units(experts, 100, k, seed)
    assert len(units) == k
    assert (np.diff(units) > 0).all()
    assert not set(units) & set(experts)
    assert set(units) <= set(range(100))
    np.testing.assert_array_equal(units, random_units(experts, 100, k, seed))


def test_random_units_are_drawn_uniformly():
    counts = np.zeros(20)
    for seed in range(2000):
        counts[random_units(np.array([0, 7]), 20, 9, seed)] += 1
    assert counts[[0, 7]].tolist() == [0, 0]
    others = np.delete(counts, [0, 7])
    assert (np.abs(others - 1000) < 5 * np.sqrt(500)).all()


def test_random_units_can_keep_to_the_layers_of_the_experts():
    experts = np.array([0, 1, 2, 25])
    sites, layers = np.array([0, 10, 20, 40]), np.array([0, 0, 3])
    for seed in range(20):
        units = random_units(experts, 40, 4, seed, "same_layers", sites, layers)
        assert (units < 20).sum() == 3
        assert not set(units) & set(experts)
    assert any((random_units(experts, 40, 4, seed, "same_layers", sites, layers) >= 10)[2] for seed in range(20))


def test_too_few_units_for_the_control_are_refused():
    with pytest.raises(StudyError, match="has only 4"):
        random_units(np.arange(6), 10, 5, 0)
    with pytest.raises(StudyError, match="layer 0, which has only 2"):
        random_units(np.array([0, 1, 2]), 10, 3, 0, "same_layers", np.array([0, 5, 10]))

"""Trees, their distances and edges, against loops over all paths and over all spanning trees."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.texts.trees import edges, is_tree, right_branching, spanning_tree, tree_distances


@st.composite
def trees(draw):
    """Heads of a random tree, its words in any order."""
    count = draw(st.integers(1, 8))
    order = draw(st.permutations(range(1, count + 1)))
    heads = [0] * count
    for place, word in enumerate(order):
        heads[word - 1] = order[draw(st.integers(0, place - 1))] if place else 0
    return heads


def path_to_root(heads, word):
    path = [word]
    while heads[path[-1] - 1]:
        path.append(heads[path[-1] - 1])
    return path


@given(trees())
def test_distances_are_the_lengths_of_paths(heads):
    assert is_tree(heads)
    found = tree_distances(heads)
    for one in range(1, len(heads) + 1):
        for other in range(1, len(heads) + 1):
            apart = set(path_to_root(heads, one)) ^ set(path_to_root(heads, other))
            assert found[one - 1, other - 1] == len(apart)


@pytest.mark.parametrize("heads", [[], [1], [0, 0], [2, 1, 0], [0, 3, 2], [0, 5], [2, 3, 1]])
def test_what_has_no_root_or_two_or_a_cycle_is_no_tree(heads):
    assert not is_tree(heads)


@given(trees(), st.integers(0, 2**16))
def test_the_tree_is_found_by_its_own_distances(heads, seed):
    everything = list(range(len(heads)))
    assert spanning_tree(tree_distances(heads), everything) == edges(heads, everything)


def weight(distances, chosen):
    return sum(distances[pair] for pair in chosen)


def connects(chosen, words):
    reached = {words[0]}
    for _ in words:
        reached |= {word for pair in chosen if set(pair) & reached for word in pair}
    return reached == set(words)


@given(st.integers(0, 2**16), st.integers(1, 5), st.booleans())
def test_no_spanning_tree_is_lighter_also_among_ties_and_zeros(seed, count, whole):
    generator = np.random.default_rng(seed)
    distances = generator.integers(0, 3, (6, 6)).astype(float) if whole else generator.random((6, 6))
    distances = distances + distances.T
    np.fill_diagonal(distances, 0)
    counted = sorted(generator.choice(6, count, replace=False).tolist())
    found = spanning_tree(distances, counted)
    assert connects(found, counted)
    candidates = combinations(combinations(counted, 2), count - 1)
    lightest = min(weight(distances, chosen) for chosen in candidates if connects(chosen, counted))
    assert len(found) == count - 1
    assert weight(distances, found) == pytest.approx(lightest)


def test_edges_of_words_that_are_not_counted_are_left_out():
    heads = [2, 0, 5, 3, 2]  # words 1 and 5 on 2, 3 on 5, 4 on 3
    assert edges(heads, [0, 1, 2, 3, 4]) == {(0, 1), (1, 4), (2, 4), (2, 3)}
    assert edges(heads, [0, 1, 3, 4]) == {(0, 1), (1, 4)}
    assert right_branching([0, 1, 3, 4]) == {(0, 1), (1, 3), (3, 4)}
    assert right_branching([2]) == right_branching([]) == set()

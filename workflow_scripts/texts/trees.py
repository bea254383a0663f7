"""Dependency trees, and how many of their edges are found without direction or label.

A tree is the list of its words' heads, counted from 1; 0 is the head of the root.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

Edges = set[tuple[int, int]]  # of words counted from 0, the smaller first


def is_tree(heads: Sequence[int]) -> bool:
    """Return whether there is one root, and a path from every word to it."""
    if list(heads).count(0) != 1 or not all(0 <= head <= len(heads) for head in heads):
        return False
    reached = {0}
    while new := {word for word, head in enumerate(heads, start=1) if head in reached} - reached:
        reached |= new
    return len(reached) == len(heads) + 1


def tree_distances(heads: Sequence[int]) -> np.ndarray:
    """Return the number of edges between every two words, float32 [words, words]."""
    from scipy.sparse.csgraph import shortest_path

    words = len(heads)
    adjacent = np.zeros((words, words))
    for word, head in enumerate(heads):
        if head:
            adjacent[word, head - 1] = 1
    return shortest_path(adjacent, directed=False, unweighted=True).astype(np.float32)


def edges(heads: Sequence[int], counted: Sequence[int]) -> Edges:
    """Return the edges of a tree between words that are counted, which are numbered from 0."""
    among = set(counted)
    pairs = ((word, head - 1) for word, head in enumerate(heads) if head)
    return {(min(pair), max(pair)) for pair in pairs if set(pair) <= among}


def spanning_tree(distances: np.ndarray, counted: Sequence[int]) -> Edges:
    """Return the edges of the minimum spanning tree of the words that are counted, by distances [words, words].

    Distances are compared alone, so any constant may be added to all: it keeps SciPy from taking a zero for no edge.
    """
    from scipy.sparse.csgraph import minimum_spanning_tree

    among = np.asarray(counted, dtype=int)
    found = minimum_spanning_tree(distances[np.ix_(among, among)] + 1.0).tocoo()
    pairs = zip(among[found.row].tolist(), among[found.col].tolist(), strict=True)
    return {(min(pair), max(pair)) for pair in pairs}


def right_branching(counted: Sequence[int]) -> Edges:
    """Return the edges where every word that is counted is attached to the next one."""
    return set(pairwise(counted))

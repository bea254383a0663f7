"""The measures of a space by name: distances, medoids, similarities of retrieval, and measures of alignment.

A measure is a function of a module in `definitions/` under one of the decorators of this module. By being there it is a
choice of the config, a row of the metric CSVs and an entry of docs/measures.md; nothing else has to be edited.

The descriptions complete "the measure is the …", so that captions can use them.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from workflow_scripts.measures.centring import CENTRINGS, Centring

# The definitions are found by listing their folder, which a reading of the imports cannot see.
FINGERPRINT_ALSO = ["workflow_scripts.measures.definitions.*"]
COSINE = "cosine"  # by which candidates are ranked where one similarity is enough
DEFINITIONS = Path(__file__).parent / "definitions"

Scope = Literal["pairs", "languages", "space"]
SCOPES: tuple[Scope, ...] = ("pairs", "languages", "space")
Function = TypeVar("Function", bound=Callable)


@dataclass(frozen=True)
class Definition:
    """A measure by its name; `compute` is the function that was registered."""

    name: str
    description: str
    compute: Callable


@dataclass(frozen=True)
class Similarity(Definition):
    """A similarity by which candidates are ranked.

    `compute` is given the products of queries and candidates [n, m] and the bound on what rounding makes of each, and
    returns the scores and their bound, a number or [n, m]. A similarity that has `neighbours` is also given the mean
    products of each query [n, 1] and of each candidate [m] with that many nearest neighbours on the other side.
    """

    of_directions: bool  # whether vectors are scaled to length one, so that products are cosines
    centred: bool  # whether the mean of all sentences of all languages is subtracted first
    neighbours: int = 0


@dataclass(frozen=True)
class Measure(Definition):
    """A measure of alignment, a row of `alignment.csv` for each value."""

    of: Scope  # what has a value: ordered pairs of languages, languages, or the space as a whole
    centrings: tuple[Centring, ...]  # of the spaces in which it is measured
    moves: bool  # whether a constant added to every sentence can change it


@dataclass(frozen=True)
class Ranking(Definition):
    """A measure of alignment: a number made of `Scores` of a language's sentences (queries) with another's."""

    by_every_similarity: bool  # or by the cosine alone


_distances: dict[str, Definition] = {}
_medoids: dict[str, Definition] = {}
_similarities: dict[str, Similarity] = {}
_measures: dict[str, Measure] = {}
_rankings: dict[str, Ranking] = {}


def distance(name: str, description: str) -> Callable[[Function], Function]:
    """Register a distance between languages: embeddings [languages, sentences, d] to [languages, languages]."""
    return _register(_distances, lambda compute: Definition(name, description, compute))


def medoid(name: str, description: str) -> Callable[[Function], Function]:
    """Register a centre of a space: embeddings [languages, sentences, d] to a `Medoid`."""
    return _register(_medoids, lambda compute: Definition(name, description, compute))


def similarity(
    name: str, description: str, of_directions: bool = True, centred: bool = False, neighbours: int = 0
) -> Callable[[Function], Function]:
    """Register a similarity of retrieval, as `Similarity` has it."""
    return _register(
        _similarities, lambda compute: Similarity(name, description, compute, of_directions, centred, neighbours)
    )


def measure(
    name: str, description: str, of: Scope, centrings: tuple[Centring, ...] = CENTRINGS, moves: bool = True
) -> Callable[[Function], Function]:
    """Register a measure of alignment, made of embeddings [languages, sentences, d] after centring.

    It is [languages, languages], [languages] or a number. What a constant cannot change is measured in the space as it
    is and nowhere else.
    """
    spaces: tuple[Centring, ...] = centrings if moves else ("none",)
    return _register(_measures, lambda compute: Measure(name, description, compute, of, spaces, moves))


def ranking(name: str, description: str, by_every_similarity: bool = False) -> Callable[[Function], Function]:
    """Register a measure of alignment that is a number made of `Scores`."""
    return _register(_rankings, lambda compute: Ranking(name, description, compute, by_every_similarity))


def _register(into: dict, define: Callable[[Function], Definition]) -> Callable[[Function], Function]:
    def register(compute: Function) -> Function:
        definition = define(compute)
        if definition.name in into:
            raise ValueError(f"two measures are called {definition.name}; rename one in {DEFINITIONS}.")
        into[definition.name] = definition
        return compute

    return register


@cache
def _import_definitions() -> None:
    for module in pkgutil.iter_modules([DEFINITIONS]):
        importlib.import_module(f"{__package__}.{DEFINITIONS.name}.{module.name}")


def distances() -> dict[str, Definition]:
    """Return the distances between languages by name."""
    _import_definitions()
    return _distances


def medoids() -> dict[str, Definition]:
    """Return the centres of a space by name."""
    _import_definitions()
    return _medoids


def similarities() -> dict[str, Similarity]:
    """Return the similarities of retrieval by name."""
    _import_definitions()
    return _similarities


def rankings() -> dict[str, Ranking]:
    """Return the measures of ranks by name."""
    _import_definitions()
    return _rankings


def ranked_similarities(centring: Centring) -> list[Similarity]:
    """Return the similarities by which alignment ranks candidates in a space that was centred in this way.

    Those of directions; the ones that look at neighbours in the space as it is alone.
    """
    plain = [each for each in similarities().values() if each.of_directions and not each.centred]
    return [each for each in plain if centring == "none" or not each.neighbours]


def ranking_measures(centring: Centring) -> dict[str, tuple[Similarity, Ranking]]:
    """Return how each measure of ranks comes about that alignment has in a space, by its name in `alignment.csv`."""
    several = {
        f"{similarity.name}_{each.name}": (similarity, each)
        for similarity in ranked_similarities(centring)
        for each in rankings().values()
        if each.by_every_similarity
    }
    by_cosine = {each.name: (similarities()[COSINE], each) for each in rankings().values()}
    return several | {name: how for name, how in by_cosine.items() if not how[1].by_every_similarity}


def measures() -> dict[str, Measure]:
    """Return the measures of alignment that are made of embeddings, by name, in the order of `alignment.csv`.

    First those that a constant can change; of pairs, of languages, of the space; of more centrings first.
    """
    _import_definitions()
    ordered = sorted(_measures.values(), key=lambda each: (not each.moves, SCOPES.index(each.of), -len(each.centrings)))
    return {each.name: each for each in ordered}


def moved_by_a_constant(name: str) -> bool:
    """Return whether a constant added to every sentence can change a measure of `alignment.csv`."""
    return name not in measures() or measures()[name].moves

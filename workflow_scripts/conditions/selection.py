"""Selection: which neurons are changed, the experts of a language or as many at random (paper, sections 3.3 and 7)."""

from typing import Literal

import numpy as np

from workflow_scripts.config.settings import ByExpertise
from workflow_scripts.jobs.errors import StudyError


def top_units(
    expertise: np.ndarray,
    gap: np.ndarray,
    offsets: np.ndarray,
    k: int,
    selection: ByExpertise = "top",
    layers: np.ndarray | None = None,
) -> np.ndarray:
    """Return the indices of the k units chosen for one language, int64 [k], ascending (paper, section 3.3).

    `top` takes the highest expertise over all layers together; ties go to the larger gap, then to the lower layer and
    unit, that is, to the lower index. `bottom` takes the lowest, ties going to the smaller gap; `two_sided` those
    farthest from ½, ties going to the gap farther from 0; `per_layer` the top of each layer, k being shared among the
    layers as evenly as can be, the remainder by the first.

    Args:
        expertise: of each neuron for the language, [neurons].
        gap: standardised mean gap of each neuron for the language, [neurons].
        offsets: index of the first neuron of each site, then the number of neurons, [sites + 1].
        k: number of units.
        selection: which units are taken.
        layers: layer of each site, [sites]; each site is a layer of its own where None.

    Raises:
        StudyError: k is larger than the number of neurons.
    """
    _require(k, len(expertise))
    if selection == "bottom":
        expertise, gap = -expertise, -gap
    elif selection == "two_sided":
        # Rounding, far below the least step of an AUROC, so that mirror images tie.
        expertise, gap = np.round(np.abs(expertise - 0.5), 12), np.abs(gap)
    if selection != "per_layer":
        return np.sort(_best(expertise, gap, k))
    layer = _layer_of_each_neuron(offsets, layers)
    numbers, widths = np.unique(layer, return_counts=True)
    chosen = []
    for number, share in zip(numbers, _even_shares(k, widths), strict=True):
        units = np.flatnonzero(layer == number)
        chosen.append(units[_best(expertise[units], gap[units], share)])
    return np.sort(np.concatenate(chosen))


def highest_units(scores: np.ndarray, k: int) -> np.ndarray:
    """Return the indices of the k highest scores [neurons], int64 [k], ascending; ties go to the lower index.

    Raises:
        StudyError: k is larger than the number of neurons.
    """
    _require(k, len(scores))
    return np.sort(_best(scores, np.zeros_like(scores), k))


def random_units(
    experts: np.ndarray,
    neurons: int,
    k: int,
    seed: int,
    draw: Literal["uniform", "same_layers"] = "uniform",
    offsets: np.ndarray | None = None,
    layers: np.ndarray | None = None,
) -> np.ndarray:
    """Return the indices of k units drawn without replacement from those that are no experts, int64 [k], ascending.

    The random control of the paper's section 7. `same_layers` draws as many units in each layer as the experts have
    there, so that k is their number; `offsets` and `layers` are as in `top_units`.

    Raises:
        StudyError: there are too few units that are no experts.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    others = np.delete(np.arange(neurons), experts)
    if draw == "uniform":
        return np.sort(_draw(generator, others, k, "the model"))
    if k != len(experts):
        raise ValueError(f"a control in the layers of {len(experts)} experts has as many units, not {k}")
    layer = _layer_of_each_neuron(offsets, layers)
    chosen = [
        _draw(generator, others[layer[others] == number], count, f"layer {number}")
        for number, count in zip(*np.unique(layer[experts], return_counts=True), strict=True)
    ]
    return np.sort(np.concatenate([others[:0], *chosen]))


def _require(k: int, neurons: int) -> None:
    if k > neurons:
        raise StudyError(f"k = {k}, but the model has only {neurons} neurons; lower k in the config.")


def _best(score: np.ndarray, gap: np.ndarray, k: int) -> np.ndarray:
    """Indices of the k highest scores; ties go to the larger gap, then to the lower index."""
    if k == 0:
        return np.empty(0, dtype=np.int64)
    candidates = np.flatnonzero(score >= np.partition(score, -k)[-k])
    order = np.lexsort((-gap[candidates], -score[candidates]))
    return candidates[order[:k]]


def _even_shares(k: int, widths: np.ndarray) -> np.ndarray:
    """k divided among layers of these widths as evenly as they allow; what is left over goes to the first."""
    shares = np.zeros_like(widths)
    while left := k - shares.sum():
        unfilled = np.flatnonzero(shares < widths)
        even, over = divmod(left, len(unfilled))
        shares[unfilled] += even
        shares[unfilled[:over]] += 1
        shares = np.minimum(shares, widths)
    return shares


def _draw(generator: np.random.Generator, others: np.ndarray, count: int, where: str) -> np.ndarray:
    if count > len(others):
        raise StudyError(
            f"the random control takes {count} units of {where}, which has only {len(others)} that are no experts; "
            f"lower k in the config, or set random_control.draw: uniform."
        )
    return generator.choice(others, count, replace=False)


def _layer_of_each_neuron(offsets: np.ndarray, layers: np.ndarray | None) -> np.ndarray:
    return np.repeat(np.arange(len(offsets) - 1) if layers is None else layers, np.diff(offsets))

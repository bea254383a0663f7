"""Expertise: how well each neuron tells sentences of one language from those of the others (paper, section 3.2).

A neuron's responses are sorted once, and every statistic of every language is read off that one sorting, exactly and
with ties. From the statistics the experts are chosen, and the units of the random control (paper, section 7).
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numba
import numpy as np

from workflow_scripts.lib.errors import StudyError


@dataclass(frozen=True)
class RankStatistics:
    """Statistics of neurons, each language in turn being positive and all others negative.

    All arrays are float64 [languages, neurons]:
        expertise: AUROC or average precision, 0 to 1.
        gap: (mean of the positives − mean of the negatives) / SD of all responses (ddof 0); 0 where the SD is 0.
        mean: mean response to the language's sentences.
        median: median response to the language's sentences.
    """

    expertise: np.ndarray
    gap: np.ndarray
    mean: np.ndarray
    median: np.ndarray


def rank_statistics(
    responses: np.ndarray,
    groups: np.ndarray,
    languages: int,
    expertise: Literal["auroc", "average_precision"] = "auroc",
    threads: int = 1,
    first_neuron: int = 0,
) -> RankStatistics:
    """Statistics of a block of neurons for every language (paper, section 3.2).

    The AUROC counts ties as one half (midranks), so that a constant neuron has 0.5. Average precision takes every
    distinct response as a threshold, as scikit-learn does.

    Args:
        responses: float16 or float32 [sentences, neurons]; not copied where each language's rows lie together.
        groups: index of each sentence's language, 0 to languages − 1, int [sentences].
        languages: number of languages.
        expertise: what `RankStatistics.expertise` measures.
        threads: threads among which the neurons are divided.
        first_neuron: index, among all neurons of the model, of the first one here; used in messages.

    Raises:
        StudyError: a language has no sentences, there is but one language, or a response is NaN or infinite.
    """
    sizes = np.bincount(groups, minlength=languages)
    if len(sizes) > languages:
        raise ValueError(f"a sentence is of language {len(sizes) - 1}, but there are only {languages} languages")
    if languages < 2 or not sizes.all():
        raise StudyError(
            f"study.probing: expertise sets each language against the others, which takes two or more languages, all "
            f"with sentences; their numbers of sentences are {', '.join(map(str, sizes))}."
        )
    if (np.diff(groups) < 0).any():
        responses = responses[np.argsort(groups, kind="stable")]
    bits = np.ascontiguousarray(responses).view(f"u{responses.itemsize}")
    bits.flags.writeable = False  # Numba compiles separately for read-only arrays; so it does for one kind only
    starts = np.concatenate([[0], np.cumsum(sizes)])
    sentences, neurons = bits.shape
    result = RankStatistics(*(np.empty((languages, neurons)) for _ in range(4)))
    largest = np.zeros(neurons, dtype=bits.dtype)

    def rank(first: int, last: int) -> None:
        room = np.empty((2, sentences), f"u{2 * bits.itemsize}")
        layout, by_precision = LAYOUTS[responses.dtype.name], expertise == "average_precision"
        columns = result.expertise, result.gap, result.mean, result.median, largest
        _rank(bits, starts, first, last, layout, by_precision, room, *columns)

    bounds = np.linspace(0, neurons, max(1, min(threads, neurons // TILE)) + 1).astype(int)
    with ThreadPoolExecutor(len(bounds) - 1) as pool:
        list(pool.map(rank, bounds[:-1], bounds[1:]))
    _refuse_not_finite(largest.view(responses.dtype), first_neuron)
    return result


def top_units(
    expertise: np.ndarray,
    gap: np.ndarray,
    offsets: np.ndarray,
    k: int,
    selection: Literal["top", "bottom", "two_sided", "per_layer"] = "top",
    layers: np.ndarray | None = None,
) -> np.ndarray:
    """Indices of the k units chosen for one language, int64 [k], ascending (paper, section 3.3).

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
    if k > len(expertise):
        raise StudyError(f"k = {k}, but the model has only {len(expertise)} neurons; lower k in the config.")
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


def random_units(
    experts: np.ndarray,
    neurons: int,
    k: int,
    seed: int,
    draw: Literal["uniform", "same_layers"] = "uniform",
    offsets: np.ndarray | None = None,
    layers: np.ndarray | None = None,
) -> np.ndarray:
    """Indices of k units drawn without replacement from those that are no experts, int64 [k], ascending.

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


def _refuse_not_finite(largest: np.ndarray, first_neuron: int) -> None:
    """Refuse responses among which the largest magnitude of a neuron is infinite or NaN."""
    finite = np.isfinite(largest)
    if finite.all():
        return
    neuron = int(np.argmin(finite))
    if np.isnan(largest[neuron]):
        raise StudyError(
            f"neuron {first_neuron + neuron} cannot be ranked, since NaN is among its responses: the model's weights "
            f"are damaged, or its dtype is too narrow. Set a wider models.*.dtype, or get the weights again."
        )
    raise StudyError(
        f"neuron {first_neuron + neuron} cannot be ranked, since it has infinite responses: they are beyond "
        f"{largest.dtype}. Set experts.storage: float32 in the config; if it is so already, a wider models.*.dtype."
    )


def _can_cache() -> bool:
    """Whether Numba finds a folder to keep machine code in, so that only the first job compiles."""
    try:
        numba.njit(cache=True)(lambda: None)
    except RuntimeError:
        return False
    return True


class _Layout(NamedTuple):
    """How a floating-point type is decoded and sorted."""

    width: int  # in bits
    shift: int  # bits by which its exponent and mantissa lie lower than those of float32
    scale: float  # power of two by which its exponent's bias differs from that of float32
    digit: int  # bits sorted by at once


LAYOUTS = {
    "float16": _Layout(width=16, shift=13, scale=2.0**112, digit=8),
    "float32": _Layout(width=32, shift=0, scale=1.0, digit=11),
}

# Neurons gathered together: their responses to one sentence fill a line or two of the processor's cache.
TILE = 64


@numba.njit(nogil=True, cache=_can_cache())
def _rank(bits, starts, first, last, layout, by_precision, room, expertise, gap, mean, median, largest):
    """Fill columns `first` to `last` of the statistics and of `largest`.

    `bits` [sentences, neurons] are the responses, the rows of language i from `starts[i]` to `starts[i + 1]`; `room`
    [2, sentences] is for sorting.
    """
    sentences = len(bits)
    tile = np.empty((TILE, sentences), bits.dtype)
    for start in range(first, last, TILE):
        stop = min(start + TILE, last)
        block = bits[:, start:stop]
        for sentence in range(sentences):
            for column in range(stop - start):
                tile[column, sentence] = block[sentence, column]
        for neuron in range(start, stop):
            row = tile[neuron - start]
            largest[neuron] = _largest_magnitude(row, layout)
            _measure_means(row, starts, layout, mean[:, neuron], gap[:, neuron])
            ranked = _sort(row, starts, layout, room)
            _measure_ranks(ranked, starts, layout, row, expertise[:, neuron], median[:, neuron])
            if by_precision:
                _measure_precision(ranked, starts, layout, expertise[:, neuron])


@numba.njit
def _number(bits, layout):
    """The number that a floating-point type's bits stand for."""
    sign = np.uint32(1 << (layout.width - 1))
    bits = np.uint32(bits)
    magnitude = np.uint32((bits & (sign - np.uint32(1))) << np.uint32(layout.shift))
    signed = np.uint32(magnitude | (bits & sign) << np.uint32(32 - layout.width))
    return np.float64(signed.view(np.float32)) * layout.scale


@numba.njit
def _largest_magnitude(row, layout):
    """Bits of the largest magnitude in a row; those of infinity and NaN lie above those of all numbers."""
    magnitude = (1 << (layout.width - 1)) - 1
    largest = 0
    for sentence in range(len(row)):
        largest = max(largest, row[sentence] & magnitude)
    return largest


@numba.njit(fastmath={"reassoc", "nsz"})
def _sum(row, layout):
    total = 0.0
    for sentence in range(len(row)):
        total += _number(row[sentence], layout)
    return total


@numba.njit(fastmath={"reassoc", "nsz"})
def _squared_deviations(row, centre, layout):
    total = 0.0
    for sentence in range(len(row)):
        total += (_number(row[sentence], layout) - centre) ** 2
    return total


@numba.njit
def _measure_means(row, starts, layout, mean, gap):
    """Fill in a neuron's mean and standardised mean gap for each language."""
    sentences, languages = len(row), len(mean)
    total = 0.0
    for language in range(languages):
        mean[language] = _sum(row[starts[language] : starts[language + 1]], layout)
        total += mean[language]
    deviation = math.sqrt(_squared_deviations(row, total / sentences, layout) / sentences)
    for language in range(languages):
        size = starts[language + 1] - starts[language]
        mean_of_others = (total - mean[language]) / (sentences - size)
        mean[language] /= size
        gap[language] = (mean[language] - mean_of_others) / deviation if deviation else 0.0


@numba.njit
def _sort(row, starts, layout, room):
    """A row's responses in ascending order (radix sort), each an order-preserving key above its language index."""
    source, target = room[0], room[1]
    width = np.uint64(layout.width)
    sign = np.uint64(1) << (width - np.uint64(1))
    for language in range(len(starts) - 1):
        rows = slice(starts[language], starts[language + 1])
        unsorted, packed = row[rows], source[rows]
        for sentence in range(len(unsorted)):
            bits = np.uint64(unsorted[sentence])
            bits = np.uint64(0) if bits == sign else bits  # −0 equals +0
            key = (sign + sign - np.uint64(1)) ^ bits if bits & sign else sign | bits
            packed[sentence] = key << width | np.uint64(language)
    counts = np.empty(1 << layout.digit, np.uint32)
    mask = np.uint64(len(counts) - 1)
    for shift in range(layout.width, 2 * layout.width, layout.digit):
        shift = np.uint64(shift)
        counts[:] = 0
        for place in range(len(source)):
            counts[np.uint64(source[place]) >> shift & mask] += 1
        position = 0
        for digit in range(len(counts)):
            counts[digit], position = position, position + counts[digit]
        for place in range(len(source)):
            digit = np.uint64(source[place]) >> shift & mask
            target[counts[digit]] = source[place]
            counts[digit] += 1
        source, target = target, source
    return source


@numba.njit
def _measure_ranks(ranked, starts, layout, grouped, auroc, median):
    """Fill in a neuron's AUROC and median for each language; `grouped` [sentences] is room for its sorted rows."""
    sentences, languages = len(ranked), len(auroc)
    width = np.uint64(layout.width)
    mask = (np.uint64(1) << width) - np.uint64(1)
    # For each language: where its next response goes, and over those seen how many of all responses are smaller than
    # them (its pairs won) and not larger (won or tied). Side by side, since they are counted up together.
    tally = np.zeros((languages, 3), np.uint64)
    for language in range(languages):
        tally[language, 0] = starts[language]
    downwards = ranked[::-1]
    previous, following = ranked[0] >> width, downwards[0] >> width
    smaller, not_larger = np.uint64(0), np.uint64(sentences)
    # One walk up and one down, without branching on whether neighbours are equal, which no processor can foresee.
    for step in range(sentences):
        key, language = ranked[step] >> width, ranked[step] & mask
        smaller = smaller if key == previous else np.uint64(step)
        previous = key
        place = tally[language, 0]
        tally[language, 0] = place + np.uint64(1)
        tally[language, 1] += smaller
        grouped[place] = key
        key, language = downwards[step] >> width, downwards[step] & mask
        not_larger = not_larger if key == following else np.uint64(sentences - step)
        following = key
        tally[language, 2] += not_larger
    for language in range(languages):
        size = starts[language + 1] - starts[language]
        # Pairs won plus pairs won or tied are twice the wins with ties as halves; less those within the language.
        twice = np.int64(tally[language, 1] + tally[language, 2]) - size * size
        auroc[language] = twice / (2.0 * size * (sentences - size))
        lower, upper = starts[language] + (size - 1) // 2, starts[language] + size // 2
        median[language] = (_response(grouped[lower], layout) + _response(grouped[upper], layout)) / 2


@numba.njit
def _response(key, layout):
    """The number that a sorting key stands for."""
    sign = np.uint64(1) << np.uint64(layout.width - 1)
    key = np.uint64(key)
    return _number(np.int64(key ^ sign if key & sign else (sign + sign - np.uint64(1)) ^ key), layout)


@numba.njit
def _measure_precision(ranked, starts, layout, precision):
    """Fill in a neuron's average precision for each language."""
    sentences, languages = len(ranked), len(precision)
    width = np.uint64(layout.width)
    mask = (np.uint64(1) << width) - np.uint64(1)
    left = np.empty(languages)
    for language in range(languages):
        left[language] = starts[language + 1] - starts[language]
        precision[language] = 0.0
    start = 0
    while start < sentences:
        stop = start + 1
        while stop < sentences and ranked[stop] >> width == ranked[start] >> width:
            stop += 1
        for item in ranked[start:stop]:
            precision[item & mask] += left[item & mask] / (sentences - start)
        for item in ranked[start:stop]:
            left[item & mask] -= 1
        start = stop
    for language in range(languages):
        precision[language] /= starts[language + 1] - starts[language]

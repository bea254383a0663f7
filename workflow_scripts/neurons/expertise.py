"""Expertise: how well each neuron tells sentences of one language from those of the others (paper, section 3.2).

A neuron's responses are counted or sorted once; every statistic of every language is read off that, exactly, with ties.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numba
import numpy as np

from workflow_scripts.jobs.compilation import can_cache
from workflow_scripts.jobs.errors import StudyError


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
    """Return the statistics of a block of neurons for every language (paper, section 3.2).

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
    bits = np.ascontiguousarray(responses).view(f"i{responses.itemsize}")
    bits.flags.writeable = False  # Numba compiles separately for read-only arrays; so it does for one kind only
    starts = np.concatenate([[0], np.cumsum(sizes)])
    sentences, neurons = bits.shape
    result = RankStatistics(*(np.empty((languages, neurons)) for _ in range(4)))
    largest = np.empty(neurons, dtype=bits.dtype)
    layout, by_precision = LAYOUTS[responses.dtype.name], expertise == "average_precision"
    columns = result.expertise, result.gap, result.mean, result.median, largest

    def rank(first: int, last: int) -> None:
        room = np.empty((2, sentences), f"u{2 * bits.itemsize}")
        _rank(bits, starts, first, last, layout, by_precision, room, *columns)

    bounds = np.linspace(0, neurons, max(1, min(threads, neurons // TILE)) + 1).astype(int)
    with ThreadPoolExecutor(len(bounds) - 1) as pool:
        list(pool.map(rank, bounds[:-1], bounds[1:]))
    _refuse_not_finite(largest.view(responses.dtype), first_neuron)
    return result


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
RUN = 16  # sentences of which they are gathered at a time
# Keys are counted in squares of so many rows and columns.
SIDE = 32
SQUARE = SIDE * SIDE
# Sentences up to which twice a midrank fits 16 bits, those of a counter.
MOST_COUNTED = 2**15 - 1


@numba.njit(nogil=True, cache=can_cache())
def _rank(bits, starts, first, last, layout, by_precision, room, expertise, gap, mean, median, largest):
    """Fill columns `first` to `last` of the statistics, and of `largest`, the bits of the largest magnitude.

    `bits` [sentences, neurons] are the responses, the rows of language i from `starts[i]` to `starts[i + 1]`; `room`
    [2, sentences] is for sorting.
    """
    sentences = len(bits)
    by_counting = layout.width == 16 and sentences <= MOST_COUNTED and not by_precision
    counts = np.empty(2**16, np.uint16)
    tile = np.empty((TILE, sentences), bits.dtype)
    for start in range(first, last, TILE):
        block = bits[:, start : min(start + TILE, last)]
        _transpose(block, tile)
        for column in range(block.shape[1]):
            row, neuron = tile[column], start + column
            _measure_means(row, starts, layout, mean[:, neuron], gap[:, neuron])
            lowest, highest = _turn_into_keys(row)
            largest[neuron] = max(-lowest, highest)
            _measure_medians(row, starts, lowest, highest, layout, median[:, neuron])
            if by_counting:
                _measure_auroc_by_counting(row, starts, lowest, highest, counts, expertise[:, neuron])
                continue
            ranked = _sort(row, starts, layout, room)
            if by_precision:
                _measure_precision(ranked, starts, layout, expertise[:, neuron])
            else:
                _measure_auroc(ranked, starts, layout, expertise[:, neuron])


@numba.njit
def _transpose(block, tile):
    """Copy responses [sentences, neurons] into a tile's rows, a row for each neuron."""
    sentences, neurons = block.shape
    # A run of sentences at a time, of which each row gets one wide copy in place of many narrow ones.
    for start in range(0, sentences - RUN + 1, RUN):
        run = block[start : start + RUN]
        for column in range(neurons):
            row = tile[column, start : start + RUN]
            for place in range(RUN):
                row[place] = run[place, column]
    for sentence in range(sentences - sentences % RUN, sentences):
        for column in range(neurons):
            tile[column, sentence] = block[sentence, column]


@numba.njit
def _number(bits, layout):
    """The number that a floating-point type's bits stand for."""
    sign = np.uint32(1 << (layout.width - 1))
    bits = np.uint32(bits)
    magnitude = np.uint32((bits & (sign - np.uint32(1))) << np.uint32(layout.shift))
    signed = np.uint32(magnitude | (bits & sign) << np.uint32(32 - layout.width))
    return np.float64(signed.view(np.float32)) * layout.scale


@numba.njit(fastmath={"reassoc", "nsz"})
def _sums(row, centre, layout):
    """Sums of the differences from `centre` and of their squares."""
    total, squares = 0.0, 0.0
    for place in range(len(row)):
        difference = _number(row[place], layout) - centre
        total += difference
        squares += difference * difference
    return total, squares


@numba.njit
def _measure_means(row, starts, layout, mean, gap):
    """Fill in a neuron's mean and standardised mean gap for each language."""
    sentences, languages = len(row), len(mean)
    # One of the responses is within √sentences SDs of their mean: near enough that no digits of note cancel.
    centre = _number(row[0], layout)
    total, squares = 0.0, 0.0
    for language in range(languages):
        mean[language], more = _sums(row[starts[language] : starts[language + 1]], centre, layout)
        total += mean[language]
        squares += more
    deviation = math.sqrt(max(0.0, squares - total * total / sentences) / sentences)
    for language in range(languages):
        size = starts[language + 1] - starts[language]
        mean_of_others = (total - mean[language]) / (sentences - size)
        mean[language] /= size
        gap[language] = (mean[language] - mean_of_others) / deviation if deviation else 0.0
        mean[language] += centre


@numba.njit
def _turn_into_keys(row):
    """Turn bits into keys, signed magnitudes, which sort as numbers do, both zeros being 0. The extremes of them."""
    magnitude = row.dtype.type(np.iinfo(row.dtype).max)
    lowest, highest = row.dtype.type(0), row.dtype.type(0)
    for place in range(len(row)):
        key = row.dtype.type(row[place] & magnitude)
        key = row.dtype.type(-key) if row[place] < 0 else key
        row[place] = key
        lowest, highest = min(lowest, key), max(highest, key)
    return np.int64(lowest), np.int64(highest)


@numba.njit
def _response(key, layout):
    """The number that a key stands for."""
    return math.copysign(_number(abs(key), layout), key)


@numba.njit
def _measure_medians(keys, starts, lowest, highest, layout, median):
    """Fill in a neuron's median for each language."""
    for language in range(len(median)):
        own = keys[starts[language] : starts[language + 1]]
        middle = (len(own) - 1) // 2
        lower = upper = _nth(own, middle, lowest, highest)
        if len(own) % 2 == 0 and _count_up_to(own, lower) == middle + 1:
            upper = _least_above(own, lower)
        median[language] = (_response(lower, layout) + _response(upper, layout)) / 2


@numba.njit
def _nth(keys, place, lowest, highest):
    """The key at a place, from 0 on, of the sorted keys, which lie between `lowest` and `highest`.

    Bisection: counting is so much quicker than moving keys that it beats selection by partition.
    """
    below, passed = lowest - 1, 0
    while passed != place and highest - below > 1:
        middle = (below + highest) >> 1
        count = _count_up_to(keys, middle)
        if count > place:
            highest = middle
        else:
            below, passed = middle, count
    return _least_above(keys, below)


@numba.njit
def _count_up_to(keys, bound):
    """How many keys are at most `bound`."""
    bound = keys.dtype.type(bound)
    total = 0
    for start in range(0, len(keys), 2**15):
        part = keys[start : start + 2**15]
        count = np.uint16(0)  # narrow, so that one instruction counts many
        for place in range(len(part)):
            count = np.uint16(count + np.uint16(part[place] <= bound))
        total += np.int64(count)
    return total


@numba.njit
def _least_above(keys, bound):
    """The lowest of the keys that are larger than `bound`."""
    bound, most = keys.dtype.type(bound), keys.dtype.type(np.iinfo(keys.dtype).max)
    least = most
    for place in range(len(keys)):
        least = min(least, keys[place] if keys[place] > bound else most)
    return np.int64(least)


@numba.njit
def _measure_auroc_by_counting(keys, starts, lowest, highest, counts, auroc):
    """Fill in a neuron's AUROC for each language; its 16-bit keys are lost.

    Counting how often each key occurs takes the place of sorting: there are but 2¹⁶ of them.
    """
    sentences = len(keys)
    first = lowest // SQUARE * SQUARE
    counts = counts[: (highest - first) // SQUARE * SQUARE + SQUARE]
    counts[:] = 0
    for place in range(sentences):
        key = np.uint16(keys[place] - first)
        keys[place] = np.int16(key & ~np.uint16(SQUARE - 1) | key % SIDE * SIDE | key // SIDE % SIDE)
    for place in range(sentences):
        counts[np.uint16(keys[place])] += 1
    _turn_into_midranks(counts)
    for place in range(sentences):
        keys[place] = np.int16(counts[np.uint16(keys[place])])
    for language in range(len(auroc)):
        own = keys[starts[language] : starts[language + 1]]
        pairs = 0
        for place in range(len(own)):
            pairs += np.int64(np.uint16(own[place]))
        auroc[language] = _auroc(pairs, len(own), sentences)


@numba.njit
def _turn_into_midranks(counts):
    """Turn counts of keys into twice their midranks: so many keys are smaller, plus so many are not larger.

    Each square of `counts` holds SIDE keys that follow one another in a column, the next of them in the next column. So
    its running sums go down all columns at a time, by instructions on many numbers.
    """
    sums, before = np.empty(SQUARE, np.uint16), np.empty(SIDE, np.uint16)
    seen = np.uint16(0)
    for start in range(0, len(counts), SQUARE):
        square = counts[start : start + SQUARE]
        for place in range(SIDE):
            sums[place] = square[place]
        for place in range(SQUARE - SIDE):
            above, place = np.uint64(place), np.uint64(place + SIDE)
            sums[place] = sums[above] + square[place]
        for column in range(SIDE):
            before[column] = seen
            seen = np.uint16(seen + 2 * sums[SQUARE - SIDE + column])
        for row in range(SIDE):
            for column in range(SIDE):
                place = np.uint64(row * SIDE + column)
                square[place] = np.uint16(2 * sums[place] - square[place] + before[column])


@numba.njit
def _auroc(pairs, size, sentences):
    """AUROC of `size` positives from the pairs that they win plus those that they win or tie, over all sentences."""
    # Less the pairs within the positives, they are twice the wins with ties as halves.
    return (pairs - size * size) / (2.0 * size * (sentences - size))


@numba.njit
def _sort(keys, starts, layout, room):
    """A neuron's keys in ascending order (radix sort), each made positive, above its language's index."""
    source, target = room[0], room[1]
    width = np.uint64(layout.width)
    zero = np.int64(1) << np.int64(layout.width - 1)
    for language in range(len(starts) - 1):
        rows = slice(starts[language], starts[language + 1])
        unsorted, packed = keys[rows], source[rows]
        for place in range(len(unsorted)):
            packed[place] = np.uint64(unsorted[place] + zero) << width | np.uint64(language)
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
def _measure_auroc(ranked, starts, layout, auroc):
    """Fill in a neuron's AUROC for each language."""
    sentences, languages = len(ranked), len(auroc)
    width = np.uint64(layout.width)
    mask = (np.uint64(1) << width) - np.uint64(1)
    # For each language: over its responses, how many of all responses are smaller (its pairs won), and how many are not
    # larger (won or tied).
    pairs = np.zeros((languages, 2), np.uint64)
    downwards = ranked[::-1]
    previous, following = ranked[0] >> width, downwards[0] >> width
    smaller, not_larger = np.uint64(0), np.uint64(sentences)
    # One walk up and one down, without branching on whether neighbours are equal, which no processor can foresee.
    for step in range(sentences):
        key, language = ranked[step] >> width, ranked[step] & mask
        smaller = smaller if key == previous else np.uint64(step)
        previous = key
        pairs[language, 0] += smaller
        key, language = downwards[step] >> width, downwards[step] & mask
        not_larger = not_larger if key == following else np.uint64(sentences - step)
        following = key
        pairs[language, 1] += not_larger
    for language in range(languages):
        size = starts[language + 1] - starts[language]
        auroc[language] = _auroc(np.int64(pairs[language].sum()), size, sentences)


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

"""The checksum that HDF5 keeps beside a chunk of a dataset."""

import numba
import numpy as np

from workflow_scripts.jobs.compilation import can_cache

LANES = 256  # words summed side by side, by instructions on many numbers
MOST_ROWS = 360  # of so many words each, after which a sum of sums might not fit 32 bits


@numba.njit(nogil=True, cache=can_cache())
def fletcher32(words):
    """Fletcher-32 of uint16 words [n] in the order of a little-endian machine, as HDF5's filter computes it.

    The upper half is the sum of the running sums of the words, the lower half the sum of the words, both modulo 65,535.
    HDF5 takes words as big-endian; to swap the bytes of a word is to multiply it by 256, modulo 65,535.
    """
    total, running = 0, 0
    left = len(words)
    lane, lane_running = np.empty(LANES, np.uint32), np.empty(LANES, np.uint32)
    while left >= LANES:
        rows = min(left // LANES, MOST_ROWS)
        part = words[len(words) - left :][: rows * LANES]
        lane[:] = 0
        lane_running[:] = 0
        for row in range(rows):
            for column in range(LANES):
                lane[column] += part[np.uint64(row * LANES + column)]
                lane_running[column] += lane[column]
        left -= len(part)
        for column in range(LANES):
            total += np.int64(lane[column])
            running += np.int64(lane_running[column]) * LANES + np.int64(lane[column]) * (left - column)
    for word in words[len(words) - left :]:
        total += np.int64(word)
        running += np.int64(word) * left
        left -= 1
    return _remainder(running) << 16 | _remainder(total)


@numba.njit
def _remainder(total):
    """A sum's bytes swapped, modulo 65,535, which itself stands for 0 unless all words are 0."""
    return (total % 65535 * 256 - 1) % 65535 + 1 if total else 0

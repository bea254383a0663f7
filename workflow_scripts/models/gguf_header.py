"""Reading the header of a GGUF file in seconds, however large its vocabulary.

For a vocabulary of 262,144 tokens, gguf's own reader makes a million views of a memory map, one after the other; and
transformers reads the header anew for the configuration, the weights and the tokenizer. That took half a minute for a
model of 270 million parameters, ten times as long as its weights.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import gguf
import numpy as np


class QuickReader(gguf.GGUFReader):
    """gguf's reader, which finds the same in a file; its arrays are views of bytes, not of a memory map."""

    def _get(self, offset, dtype, count=1, override_order=None):
        found = np.frombuffer(self.data, dtype, int(count), int(offset))
        return found.view(found.dtype.newbyteorder(override_order or self.byte_order))


@contextmanager
def header_read_once() -> Iterator[None]:
    """Have transformers read the header of a GGUF file quickly, and once, in the block."""
    original = gguf.GGUFReader
    gguf.GGUFReader = cache(QuickReader)
    try:
        yield
    finally:
        gguf.GGUFReader = original

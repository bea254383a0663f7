"""What the machine could do at most: products of matrices, and copies in memory."""

import numpy as np
import torch

from benchmarks import records


def test_product_of_float32_matrices(benchmark):
    size = 2048
    left = torch.randn(size, size)
    benchmark.pedantic(torch.mm, args=(left, left), rounds=5, warmup_rounds=2)
    _record(benchmark, "Product of float32 matrices", 2 * size**3, "FLOP")


def test_copy_in_memory(benchmark):
    source = np.zeros(2**26, dtype=np.float32)
    target = np.empty_like(source)
    benchmark.pedantic(np.copyto, args=(target, source), rounds=5, warmup_rounds=2)
    _record(benchmark, "Copy in memory, bytes read and written", 2 * source.nbytes, "B")


def _record(benchmark, what: str, amount: float, unit: str) -> None:
    record = records.rate(what, benchmark.stats.stats.min, amount, unit)
    benchmark.extra_info.update(record | {"kind": "roof"})

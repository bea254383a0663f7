"""What the machine could do at most: products of matrices, and copies in memory."""

import numpy as np
import pytest
import torch

from benchmarks import records


@pytest.mark.parametrize(("library", "dtype"), [("torch", "float32"), ("numpy", "float32"), ("torch", "bfloat16")])
def test_product_of_matrices(benchmark, library, dtype):
    size = 4096
    left = np.random.default_rng(0).standard_normal((size, size), dtype=np.float32)
    multiply = np.matmul
    if library == "torch":
        multiply, left = torch.mm, torch.from_numpy(left).to(getattr(torch, dtype))
    benchmark.pedantic(multiply, args=(left, left), rounds=5, warmup_rounds=2)
    _record(benchmark, f"Product of {dtype} matrices by {library}", 2 * size**3, "FLOP", dtype)


def test_copy_in_memory(benchmark):
    source = np.zeros(2**26, dtype=np.float32)
    target = np.empty_like(source)
    benchmark.pedantic(np.copyto, args=(target, source), rounds=5, warmup_rounds=2)
    _record(benchmark, "Copy in memory, bytes read and written", 2 * source.nbytes, "B")


def _record(benchmark, what: str, amount: float, unit: str, dtype: str = "float32") -> None:
    record = records.rate(what, benchmark.stats.stats.min, amount, unit, dtype=dtype)
    benchmark.extra_info.update(record | {"kind": "roof"})

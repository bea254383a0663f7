"""How time and memory grow with a size."""

import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.memory import peak_bytes

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


class Growth:
    """Measures a value at several sizes; each call records one growth, so a benchmark makes one call."""

    def __init__(self, benchmark: "BenchmarkFixture"):
        self._benchmark = benchmark

    def of_time(
        self,
        what: str,
        against: str,
        prepare: Callable[[int], Callable[[], object]],
        sizes: Sequence[int],
        rounds: int = 3,
    ) -> None:
        """Record the least time, in seconds, of the work that `prepare(size)` makes ready, at each size."""

        def seconds(size: int) -> float:
            work = prepare(size)
            work()
            return min(_seconds(work) for _ in range(rounds))

        self._record(what, against, "s", seconds, sizes)

    def of_memory(
        self, what: str, against: str, prepare: Callable[..., Callable[[], object]], sizes: Sequence[int], *arguments
    ) -> None:
        """Record the peak memory, in MiB, of the work that `prepare(size, *arguments)` makes ready (see `memory`)."""
        self._record(what, against, "MiB", lambda size: peak_bytes(prepare, size, *arguments) / 2**20, sizes)

    def _record(
        self, what: str, against: str, unit: str, measure: Callable[[int], float], sizes: Sequence[int]
    ) -> None:
        values = [measure(size) for size in sizes[:-1]]
        values.append(self._benchmark.pedantic(measure, args=(sizes[-1],), rounds=1))
        self._benchmark.extra_info.update(
            {
                "kind": "growth",
                "what": what,
                "against": against,
                "unit": unit,
                "points": [{"size": size, "value": value} for size, value in zip(sizes, values, strict=True)],
                "exponent": exponent(sizes, values),
            }
        )


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Slope of the least-squares line through the logarithms: values grow like size to this power."""
    x, y = [math.log(size) for size in sizes], [math.log(max(value, 1e-12)) for value in values]
    middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((one - middle_x) * (other - middle_y) for one, other in zip(x, y, strict=True))
    return covariance / sum((one - middle_x) ** 2 for one in x)


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started

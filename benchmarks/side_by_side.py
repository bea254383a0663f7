"""Ours and a peer, one after the other, round by round, on the same input and in one process."""

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from benchmarks import records
from benchmarks.memory import peak_bytes

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

Ours = TypeVar("Ours")
Peer = TypeVar("Peer")


class SideBySide:
    """Compares time, or peak memory; each call records one comparison, so a benchmark makes one call."""

    def __init__(self, benchmark: "BenchmarkFixture"):
        self._benchmark = benchmark

    def time(
        self,
        what: str,
        beside: str,
        ours: Callable[[], Ours],
        peer: Callable[[], Peer],
        same: Callable[[Ours, Peer], None],
        target: float,
        rounds: int = 5,
        amounts: tuple[float, float] = (1, 1),
        unit: str = "run",
        note: str = "",
    ) -> None:
        """Time both.

        Args:
            what: What is done, as in the table of docs/performance.md.
            beside: The peer.
            ours, peer: Do the work and return its result.
            same: Raises AssertionError if the results, of rounds that are not timed, differ.
            target: Ratio of the peer's time to ours that is aimed at.
            rounds: In each the peer goes first, then ours.
            amounts: How much of `unit` ours and the peer do in a call; they may differ where the peer would take hours.
            unit: What the times are per, like `sentence`.
            note: Shown with the ratio.
        """
        same(ours(), peer())
        of_peer: list[float] = []

        def let_the_peer_go_first() -> None:
            started = perf_counter()
            peer()
            of_peer.append(perf_counter() - started)

        self._benchmark.pedantic(ours, setup=let_the_peer_go_first, rounds=rounds)
        of_ours = self._benchmark.stats.stats.data
        self._benchmark.extra_info.update(
            records.ratio(
                what,
                beside,
                "time",
                f"s/{unit}",
                [seconds / amounts[0] for seconds in of_ours],
                [seconds / amounts[1] for seconds in of_peer],
                target,
                note,
            )
        )

    def memory(
        self, what: str, beside: str, ours: Callable, peer: Callable, arguments: tuple, target: float, note: str = ""
    ) -> None:
        """Compare peak memory: `ours(*arguments)` and `peer(*arguments)` prepare in fresh processes (see `memory`)."""
        of_ours = self._benchmark.pedantic(peak_bytes, args=(ours, *arguments), rounds=1)
        of_peer = peak_bytes(peer, *arguments)
        self._benchmark.extra_info.update(
            records.ratio(what, beside, "peak memory", "GiB", [of_ours / 2**30], [of_peer / 2**30], target, note)
        )

    def stay_below(self, what: str, value: Callable[[], float], unit: str, bound: float, note: str = "") -> None:
        """Record a value of ours and its bound."""
        measured = self._benchmark.pedantic(value, rounds=1)
        self._benchmark.extra_info.update(records.limit(what, measured, unit, bound, note))

    def rate(
        self,
        what: str,
        ours: Callable[[], object],
        amount: float,
        unit: str,
        flop: float = 0.0,
        moved: float = 0.0,
        rounds: int = 3,
        dtype: str = "float32",
    ) -> None:
        """Record the rate at which `ours` does `amount` of `unit`; see `records.rate`."""
        self._benchmark.pedantic(ours, rounds=rounds, warmup_rounds=1)
        seconds = self._benchmark.stats.stats.median
        self._benchmark.extra_info.update(records.rate(what, seconds, amount, unit, flop, moved, dtype))

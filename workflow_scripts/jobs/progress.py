"""Progress with a rate and the time left: a bar in a terminal, a line every few seconds in a log file."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from workflow_scripts.jobs.usage import current

SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """Count work done out of a total.

        with Progress("embedding fr", total=1012, unit="sentence") as progress:
            progress.advance(32, tokens=1024)

    Extra counts given to `advance` are shown as rates of their own (`1,024 tokens/s`); a value given to `show`
    is shown as it is (`loss 3.21`). Where `tokens` are counted, the block is counted as time of the model in the usage
    that is measured around it; so are the units done as sequences, unless `sequences` are counted too.
    """

    def __init__(
        self,
        what: str,
        total: int,
        unit: str,
        seconds_between_lines: float = SECONDS_BETWEEN_LINES,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.what, self.total, self.unit = what, total, unit
        self.done = 0
        self._clock = clock
        self._started = self._last_line = clock()
        self._paused = 0.0
        self._interval = seconds_between_lines
        self._counts: dict[str, int] = {}
        self._shown: dict[str, str] = {}
        self._bar = tqdm(total=total, desc=what, unit=unit) if sys.stderr.isatty() else None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, exception_type, *_) -> None:
        if self._bar is not None:
            self._bar.close()
        elif exception_type is None:
            self._print_line(last=True)
        if "tokens" in self._counts:
            sequences = self._counts.get("sequences", self.done)
            current().passed(self._counts["tokens"], sequences, self._seconds() - self._paused)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the time of the block out of the rate, such as the time of writing what the model gave."""
        started = self._clock()
        yield
        self._paused += self._clock() - started

    def show(self, **values: str) -> None:
        """Show these values beside the progress from now on."""
        self._shown.update(values)

    def advance(self, amount: int = 1, **counts: int) -> None:
        """Count `amount` more units as done, and add to further counts, whose rates are shown."""
        self.done += amount
        for name, count in counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
        if self._bar is not None:
            self._bar.set_postfix_str(self._details(), refresh=False)
            self._bar.update(amount)
        elif self._clock() - self._last_line >= self._interval:
            self._print_line()

    def _seconds(self) -> float:
        return max(self._clock() - self._started, 1e-9)

    def _details(self) -> str:
        rates = [f"{count / self._seconds():,.0f} {name}/s" for name, count in self._counts.items()]
        return ", ".join([*rates, *(f"{name} {value}" for name, value in self._shown.items())])

    def _print_line(self, last: bool = False) -> None:
        self._last_line = self._clock()
        rate = self.done / self._seconds()
        left = "done" if last else f"{_clock_time((self.total - self.done) / max(rate, 1e-9))} left"
        parts = [f"{self.what}: {self.done:,}/{self.total:,} {self.unit}s", f"{rate:,.1f} {self.unit}s/s"]
        parts += [self._details()] if self._details() else []
        print(", ".join([*parts, f"{_clock_time(self._seconds())} gone", left]), file=sys.stderr, flush=True)


def _clock_time(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes:02d}:{seconds:02d}"

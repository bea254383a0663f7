"""Run Snakemake and show one line of progress, with the time that is left, in place of a paragraph per job.

    python -m workflow_scripts.jobs.watch --cores 2    # options are Snakemake's

Everything that Snakemake says goes to a log, of which the end is shown if the run fails. After a run that ends well:
Table 2, what was found, and where the report lies.
"""

import os
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

LOG = Path("snakemake.log")
FAILURE_LINES = 30  # of the log that are shown when a run fails
SECONDS_BETWEEN_LINES = 30  # where output is no terminal
FIRST_GUESS = 5.0  # seconds of a job whose like has not run yet


@dataclass
class Progress:
    """What is known of a run from the lines that Snakemake has written so far."""

    planned: Counter[str] = field(default_factory=Counter)  # jobs by rule
    running: dict[str, tuple[str, float]] = field(default_factory=dict)  # rule and start by the job's number
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # of finished jobs by rule
    _counting: bool = False
    _rule: str = ""

    def read(self, line: str, now: float) -> None:
        """Take in a line that was written at a time in seconds."""
        if line.startswith("job ") and line.rstrip().endswith("count"):
            self._counting = True
        elif self._counting and (counted := re.fullmatch(r"(\w+) +(\d+)\s*", line)):
            self.planned[counted[1]] = int(counted[2])
        elif self._counting and not line.startswith("-"):
            self._counting = False
            self.planned.pop("total", None)
        elif started := re.match(r"(?:local)?rule (\w+):", line):
            self._rule = started[1]
        elif numbered := re.match(r"    jobid: (\d+)", line):
            self.running[numbered[1]] = (self._rule, now)
        elif (finished := re.match(r"Finished jobid: (\d+)", line)) and finished[1] in self.running:
            rule, start = self.running.pop(finished[1])
            self.seconds[rule].append(now - start)

    @property
    def done(self) -> int:
        """Return the number of finished jobs."""
        return sum(map(len, self.seconds.values()))

    @property
    def total(self) -> int:
        """Return the number of planned jobs; 0 until Snakemake has named them all."""
        return 0 if self._counting else self.planned.total()

    def left(self, now: float, elapsed: float) -> float | None:
        """Return the seconds that are left, by what jobs of each rule took; None before anything is known.

        Args:
            now: The present time in seconds.
            elapsed: Seconds since the run began, by which the jobs at a time are known.
        """
        spent = sum(map(sum, self.seconds.values())) + sum(now - start for _, start in self.running.values())
        if not self.done or not elapsed or not spent:
            return None
        expected = {rule: fmean(taken) for rule, taken in self.seconds.items()}
        waiting = Counter(self.planned)
        waiting.subtract(Counter({rule: len(taken) for rule, taken in self.seconds.items()}))
        waiting.subtract(Counter(rule for rule, _ in self.running.values()))
        work = sum(max(0, count) * expected.get(rule, FIRST_GUESS) for rule, count in waiting.items())
        work += sum(max(0.0, expected.get(rule, FIRST_GUESS) - (now - start)) for rule, start in self.running.values())
        return work / max(1.0, spent / elapsed)

    def line(self, now: float, elapsed: float) -> str:
        """Return the progress as a line."""
        left = self.left(now, elapsed)
        time_left = "" if left is None else f", about {max(1, round(left / 60))} min left"
        rules = ", ".join(dict.fromkeys(rule for rule, _ in self.running.values()))
        return f"[{self.done}/{self.total}] {elapsed / 60:.0f} min{time_left} · {rules}"


def followed(lines: Iterable[str], log: Path, clock=time.monotonic) -> Iterator[str]:
    """Write Snakemake's lines to a log; yield the progress after each.

    Args:
        lines: What Snakemake writes, as it comes.
        log: Where to.
        clock: Tells the time in seconds.
    """
    progress, started = Progress(), clock()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as out:
        for line in lines:
            out.write(line)
            out.flush()
            now = clock()
            progress.read(line, now)
            if progress.total:
                yield progress.line(now, now - started)


def show(lines: Iterable[str]) -> None:
    """Show the latest of some lines: in place on a terminal, else one now and then."""
    shown, width = 0.0, 0
    for line in lines:
        if sys.stdout.isatty():
            width = os.get_terminal_size().columns - 1
            print(f"\r{line[:width]:<{width}}", end="", flush=True)
        elif time.monotonic() - shown > SECONDS_BETWEEN_LINES:
            shown = time.monotonic()
            print(line, flush=True)
    if width:
        print()


def main(command: list[str] | None = None) -> None:
    """Run Snakemake with these options, watch it, and show what it made; exit as it does."""
    options = sys.argv[1:] if command is None else command
    snakemake = subprocess.Popen(
        [Path(sys.executable).with_name("snakemake"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    show(followed(snakemake.stdout, LOG))
    said = LOG.read_text(encoding="utf-8")
    if snakemake.wait():
        print("".join(said.splitlines(keepends=True)[-FAILURE_LINES:]))
        print(f"The whole log: {LOG.resolve()}")
        sys.exit(snakemake.returncode)
    if made := re.search(r"^    output: (.*)/report\.html$", said, flags=re.MULTILINE):
        results = Path(made[1])
        for name in ("table2.md", "findings.md"):
            print(f"\n{(results / name).read_text(encoding='utf-8')}")
        print(f"Every table and figure on one page: {(results / 'report.html').resolve()}")
    else:
        print(said.splitlines()[-1])  # there was nothing to do


if __name__ == "__main__":
    main()

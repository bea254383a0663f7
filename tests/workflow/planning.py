"""What Snakemake plans, read from its own dry run: jobs, and which of them need what others make."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from running import EVERYTHING, TINY, run_snakemake

MADE = ("output", "log", "benchmark")  # what a later job may read: compute tabulates logs and benchmarks


@dataclass(frozen=True)
class Job:
    """A job by its rule and wildcards, as in `Job.of("embed_sentences", model="tiny", condition="base")`.

    A stage whose jobs write different files has several rules, whose names end in a number that is left out here.
    """

    rule: str
    wildcards: frozenset[tuple[str, str]] = frozenset()
    files: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, rule: str, **wildcards: str) -> "Job":
        return cls(rule, frozenset(wildcards.items()))

    def __getitem__(self, wildcard: str) -> str:
        """A wildcard's value; nothing where the rule has no such wildcard."""
        return dict(self.wildcards).get(wildcard, "")

    @property
    def output(self) -> str:
        """Path of one of the job's files."""
        return min(self.files["output"])

    @property
    def made(self) -> frozenset[str]:
        """Paths of the files that the job makes."""
        return frozenset().union(*(self.files.get(kind, ()) for kind in MADE))


Chosen = Callable[[Job], bool]


def planned(folder: Path, *wanted: str, force: bool = False) -> set[Job]:
    """Jobs that Snakemake would run now for everything, or for what is wanted alone; with `force`, all jobs."""
    forced = ["--forceall"] if force else []
    return read_dry_run(run_snakemake(folder, "-n", *(wanted or EVERYTHING), *forced, *TINY).stdout)


def read_dry_run(output: str) -> set[Job]:
    """Jobs in what a dry run prints: a block each, a line for each kind of file and for the wildcards."""
    jobs = set()
    for rule, block in re.findall(r"^(?:local)?rule (\w+):\n((?: {4}.*\n)*)", output, flags=re.MULTILINE):
        lines = dict(re.findall(r"^ {4}(\w+): (.*)$", block, flags=re.MULTILINE))
        wildcards = [pair.split("=", 1) for pair in lines.get("wildcards", "").split(", ") if pair]
        files = {kind: frozenset(lines[kind].split(", ")) for kind in ("input", *MADE) if kind in lines}
        jobs.add(Job(re.sub(r"_\d+$", "", rule), frozenset((name, value) for name, value in wildcards), files))
    return jobs


def downstream(everything: Iterable[Job], chosen: Chosen) -> set[Job]:
    """The chosen ones of all jobs of a study, and every job that needs what one of these makes."""
    reached: set[Job] = set()
    pending = {job for job in everything if chosen(job)}
    while pending:
        reached |= pending
        made = frozenset().union(*(job.made for job in pending))
        pending = {job for job in everything if job.files.get("input", frozenset()) & made} - reached
    return reached


def of(*rules: str) -> Chosen:
    """Jobs of these rules."""
    return lambda job: job.rule in rules


def replace(path: Path, old: str, new: str) -> None:
    """Edit a text file; the old text must be in it, once."""
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new))


def assert_planned(folder: Path, concerned: Chosen, known: set[Job] = frozenset()) -> set[Job]:
    """The plan is the concerned jobs and what needs them: no job less, no job more; returns it.

    `known` are all jobs of the study before the edit, with which Snakemake need not be asked for all jobs after it if
    there are still the same.
    """
    found = planned(folder)
    if found <= known and found == downstream(known, concerned):
        return found
    assert_same(found, planned(folder, force=True), concerned)
    return found


def assert_same(found: set[Job], everything: set[Job], concerned: Chosen) -> None:
    """The found jobs are those of everything that are concerned, and what needs them."""
    expected = downstream(everything, concerned)
    assert any(map(concerned, expected))
    assert not (expected - found), f"not planned: {sorted(map(str, expected - found))}"
    assert not (found - expected), f"planned without need: {sorted(map(str, found - expected))}"


def config_edit(concerned: Chosen) -> Chosen:
    """The jobs that an edit of the config concerns: those stated, and the provenance, which holds the whole config."""
    return lambda job: concerned(job) or job.rule == "write_provenance"

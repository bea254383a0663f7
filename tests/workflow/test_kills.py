"""A study that is killed again and again ends as one that is left alone, and computes nothing twice."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from running import copy_repository, run_snakemake, start_snakemake

pytestmark = pytest.mark.slow

TABLES = [f"results/table{number}.{suffix}" for number in (1, 2, 3, 4) for suffix in ("csv", "md", "tex")]
SWEEP = [f"results/sweeps/tiny/es-max/{name}" for name in ("language_id.csv", "perplexity.csv")]
COMMAND = (*TABLES, *SWEEP, "--cores", "2", "--configfile", "tiny.yaml")
KILLS = 25
PATIENCE = 120  # seconds until something must have happened, on a machine that is busy


def of_jobs(folder: Path) -> dict[str, bytes]:
    """Content of all files that jobs made, by path, without what differs from run to run."""
    results = folder / "results"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.is_file() and path.relative_to(results).parts[0] not in ("logs", "benchmarks")
    }


def cells(folder: Path) -> dict[str, tuple[int, int]]:
    """The finished pieces of work, and what tells a file from one that was put in its place."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in (folder / "cache").rglob("*.h5")
        if ".partial" not in path.name
    }


def partial_files(folder: Path) -> list[Path]:
    return [path for name in ("results", "cache") for path in (folder / name).rglob("*.partial*")]


def kill_all(running: subprocess.Popen) -> None:
    """Kill Snakemake and all its jobs at once, as a machine that loses power does."""
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()


class Moments:
    """Random moments at which a run of Snakemake is killed."""

    def __init__(self, folder: Path, seed: int):
        self._folder, self._random = folder, random.Random(seed)

    def await_one(self, running: subprocess.Popen) -> str:
        """Wait for such a moment: at random, as a file is being written, or when a job has just come to its end."""
        kind = self._random.choice(["at random", "while a file is written", "after a job"])
        started, finished = self._said("Execute "), self._said("Finished jobid")
        self._until(lambda: self._said("Execute ") > started, running)
        if kind == "at random":
            time.sleep(self._random.uniform(0, 3))
        elif kind == "after a job":
            self._until(lambda: self._said("Finished jobid") > finished, running)
            time.sleep(self._random.uniform(0, 0.5))
        else:
            left = set(partial_files(self._folder))
            self._until(lambda: set(partial_files(self._folder)) - left, running)
            time.sleep(self._random.uniform(0, 0.02))
        return kind

    def _said(self, text: str) -> int:
        return (self._folder / "snakemake.out").read_text(errors="replace").count(text)

    def _until(self, happened, running: subprocess.Popen) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert running.poll() is None, (self._folder / "snakemake.out").read_text()[-3000:]
            assert time.monotonic() < deadline, "nothing happened"
            time.sleep(0.02)


def test_a_run_killed_25_times_ends_as_one_that_was_not(finished, tmp_path):
    folder = copy_repository(tmp_path / "study")
    moments = Moments(folder, seed=0)
    kept, killed = {}, []
    for _ in range(KILLS):
        running = start_snakemake(folder, *COMMAND)
        try:
            killed.append(moments.await_one(running))
            assert running.poll() is None
        finally:
            kill_all(running)
        now = cells(folder)
        assert kept.items() <= now.items()  # what was finished once has not been written again
        kept = now
        run_snakemake(folder, "--unlock", "--cores", "1", "--configfile", "tiny.yaml")
    run_snakemake(folder, *COMMAND)
    assert set(killed) == {"at random", "while a file is written", "after a job"}
    assert len(kept) > 3
    assert kept.items() <= cells(folder).items()
    expected = of_jobs(finished)
    made = of_jobs(folder)
    assert {*(Path(name).name for name in TABLES)} <= made.keys()
    assert [path for path in made if made[path] != expected.get(path)] == []
    assert partial_files(folder) == []
    assert "Nothing to be done" in run_snakemake(folder, "-n", *COMMAND).stdout

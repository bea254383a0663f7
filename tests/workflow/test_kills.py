"""A study that is killed again and again ends as one that is left alone, and computes nothing twice."""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
from running import copy_repository, run_snakemake, start_snakemake

pytestmark = pytest.mark.exhaustive

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


def assert_same(folder: Path, undisturbed: Path, wanted: list[str]) -> None:
    """Whether all that jobs made here is there, byte for byte what they made undisturbed, and nothing else is."""
    made, expected = of_jobs(folder), of_jobs(undisturbed)
    assert {name.removeprefix("results/") for name in wanted} <= made.keys()
    assert [path for path in made if made[path] != expected.get(path)] == []


def cells(folder: Path) -> dict[str, tuple[int, int]]:
    """The finished pieces of work, and what tells a file from one that was put in its place."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in (folder / "cache").rglob("*.h5")
        if ".partial" not in path.name
    }


def partial_files(folder: Path) -> list[Path]:
    return [path for name in ("results", "cache") for path in (folder / name).rglob("*.partial*")]


def kill_all(running: subprocess.Popen) -> bool:
    """Kill Snakemake and all its jobs at once, as a machine that loses power does; whether it was still at work."""
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    return running.wait() == -signal.SIGKILL


@pytest.fixture
def unembedded(study):
    """The finished study without embeddings and what was measured of them."""
    for folder in ("cache/embeddings", "results/embeddings", "results/metrics"):
        shutil.rmtree(study / folder)
    (study / "results/table1.csv").unlink()
    return study


TABLE1 = ("results/table1.csv", "--cores", "2", "--configfile", "tiny.yaml")


class Moments:
    """Random moments at which a run of Snakemake is killed; it may come to its end before."""

    def __init__(self, folder: Path, seed: int):
        self._folder, self._random = folder, random.Random(seed)

    def await_one(self, running: subprocess.Popen) -> str:
        """Wait for such a moment: at random, as a file is being written, or when a job has just come to its end."""
        kind = self._random.choice(["at random", "while a file is written", "after a job"])
        started, finished = self._said("Execute "), self._said("Finished jobid")
        self._until(lambda: self._said("Execute ") > started, running)
        if kind == "at random":
            time.sleep(self._random.uniform(0, 2))
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
        while running.poll() is None and not happened():
            assert time.monotonic() < deadline, "nothing happened"
            time.sleep(0.02)


def test_a_run_killed_25_times_ends_as_one_that_was_not(finished, tmp_path):
    folder = copy_repository(tmp_path / "study")
    moments = Moments(folder, seed=0)
    kept, killed = {}, []
    while len(killed) < KILLS:
        running = start_snakemake(folder, *COMMAND)
        try:
            moment = moments.await_one(running)
        finally:
            at_work = kill_all(running)
        if at_work:
            killed.append(moment)
        else:  # a fast machine came to the end: begin anew, with the cache
            assert running.returncode == 0, (folder / "snakemake.out").read_text()[-3000:]
            shutil.rmtree(folder / "results")
        now = cells(folder)
        assert kept.items() <= now.items()  # what was finished once has not been written again
        kept = now
        run_snakemake(folder, "--unlock", "--cores", "1", "--configfile", "tiny.yaml")
    run_snakemake(folder, *COMMAND)
    assert set(killed) == {"at random", "while a file is written", "after a job"}
    assert len(kept) > 3
    assert kept.items() <= cells(folder).items()
    assert_same(folder, finished, [*TABLES, *SWEEP])
    assert partial_files(folder) == []
    assert "Nothing to be done" in run_snakemake(folder, "-n", *COMMAND).stdout


MEMORY = 2**28  # bytes; Python with torch has more


def test_a_job_killed_for_its_memory_says_so_and_goes_on_where_it_was(unembedded, finished):
    running = start_snakemake(unembedded, *TABLE1)
    killed = None
    while running.poll() is None and killed is None:
        time.sleep(0.005)
        if list(unembedded.glob("cache/embeddings/*/[!.]*.h5")):
            killed = next(filter(over_the_limit, psutil.Process(running.pid).children(recursive=True)), None)
            if killed:
                killed.kill()  # alone, as the kernel and Slurm do
    assert running.wait(timeout=300) == 1
    kept = cells(unembedded)
    said = (unembedded / "snakemake.out").read_text()
    assert (
        "embed_sentences failed: it ended without telling an error, so it was probably killed, most often for lack"
        in said
    )
    run_snakemake(unembedded, *TABLE1)
    assert kept.items() <= cells(unembedded).items()
    assert partial_files(unembedded) == []
    assert_same(unembedded, finished, ["results/table1.csv"])


def over_the_limit(job: psutil.Process) -> bool:
    """Whether a process embeds, in more memory than it may have."""
    try:
        return "workflow_scripts.embeddings.embed_sentences" in job.cmdline() and job.memory_info().rss > MEMORY
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def small_disk():
    """Mounts a file system of a few kB on a folder, and makes it larger."""
    mounted = ExitStack()

    def mount(folder: Path, size: str, *options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", ",".join([*options, f"size={size}"]), "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"needs to mount a tmpfs, as root may: {done.stderr.strip()}")
        if not options:
            mounted.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)

    with mounted:
        yield mount


@pytest.mark.parametrize("folder", ["cache/embeddings", "results/embeddings"])
def test_a_full_disk_is_told_and_when_there_is_space_the_run_goes_on(unembedded, finished, small_disk, folder):
    small_disk(unembedded / folder, "20k")
    failed = run_snakemake(unembedded, *TABLE1, check=False)
    assert failed.returncode == 1
    told = rf"embed_sentences failed: no space is left to write \S*{folder}/\S+\.h5 .* Make space there"
    explained = failed.stdout[failed.stdout.index("embed_sentences failed: ") :]
    assert re.match(told, explained), failed.stdout[-3000:]
    assert "Traceback" not in explained
    assert partial_files(unembedded) == []
    kept = cells(unembedded)
    small_disk(unembedded / folder, "8m", "remount")
    run_snakemake(unembedded, *TABLE1)
    assert kept.items() <= cells(unembedded).items()
    assert_same(unembedded, finished, ["results/table1.csv"])

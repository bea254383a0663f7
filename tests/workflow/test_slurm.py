"""The workflow on a real Slurm: the same results, through jobs that fail, are preempted or cancelled."""

import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from running import run_snakemake
from slurm_cluster import slurm_cluster, submitted

pytestmark = pytest.mark.slow

# The tests' Slurm has two cores and keeps no accounts; its jobs end within seconds.
TINY = ("--configfile", "tiny.yaml", "--cores", "2", "--seconds-between-status-checks", "2")
SLURM = (
    *("--workflow-profile", "profiles/slurm", "--latency-wait", "10"),
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "5"),
)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Slurm, for the tests of this module."""
    with slurm_cluster(tmp_path_factory.mktemp("slurm")):
        yield


def with_models_and_texts_alone(finished: Path, folder: Path) -> Path:
    """A copy of the finished study that has models and texts, and everything else to compute again."""
    shutil.copytree(finished, folder, symlinks=True)
    shutil.rmtree(folder / "cache")
    for path in (folder / "results").iterdir():
        if path.name not in ("models", "texts"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


def stop_at_the_first_language(folder: Path, condition: str, running: Future) -> None:
    """Wait until an embeddings job has finished a language, and stop its process there."""
    while not running.done():
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().decode().split("\0")
                ours = "workflow_scripts.embeddings" in command and (process / "cwd").resolve() == folder.resolve()
            except OSError:  # it has ended
                continue
            if ours and any(f"/{condition}/" in argument for argument in command):
                log = folder / f"results/logs/embeddings/tiny/{condition}/tiny-devtest.log"
                while process.exists():
                    if log.exists() and log.read_text().count("embedding ") >= 2:
                        os.kill(int(process.name), signal.SIGSTOP)
                        return
                    time.sleep(0.002)
        time.sleep(0.02)
    pytest.fail(f"no embeddings job of {condition} was seen: {running.result().stdout[-6000:]}")

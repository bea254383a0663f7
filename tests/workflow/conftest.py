"""A copy of the repository in a folder of its own, and Snakemake run in it as a user would."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ["Snakefile", "config.yaml", "rules", "workflow_scripts", "profiles", "report", "studies", "envs"]
TINY = Path(__file__).parent / "tiny.yaml"

Snakemake = Callable[..., subprocess.CompletedProcess]


def copy_repository(folder: Path) -> Path:
    """Copy what a run needs, and the smallest study as tiny.yaml."""
    folder.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    shutil.copy2(TINY, folder / "tiny.yaml")
    return folder


def run_snakemake(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
    """Run Snakemake in a folder, offline; its standard output and error are in `stdout`."""
    command = [Path(sys.executable).parent / "snakemake", *arguments]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900
    )
    assert not check or done.returncode == 0, done.stdout[-6000:]
    return done


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The smallest study, run to the end in a folder whose path has spaces. Tests must not change it."""
    folder = copy_repository(tmp_path_factory.mktemp("with a space") / "the study")
    run_snakemake(folder, "--cores", "2", "--configfile", "tiny.yaml")
    return folder


@pytest.fixture
def study(finished, tmp_path) -> Path:
    """A copy of the finished study that a test may change."""
    return shutil.copytree(finished, tmp_path / "study", symlinks=True)

"""A copy of the repository in a folder of its own, and Snakemake run in it as a user would."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[2]
PARTS = ["Snakefile", "config.yaml", "rules", "workflow_scripts", "profiles", "studies", "envs"]
SMALLEST = Path(__file__).parent / "tiny.yaml"
TINY = ("--configfile", "tiny.yaml")
EVERYTHING = ("all", "beyond")  # targets: the paper's tables and figures, and what goes beyond it
ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1"}


def copy_repository(folder: Path) -> Path:
    """Copy what a run needs, with what is compiled of it, and the smallest study as tiny.yaml."""
    folder.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part)
        else:
            shutil.copy2(source, folder / part)
    shutil.copy2(SMALLEST, folder / "tiny.yaml")
    return folder


def with_models_and_texts_alone(finished: Path, folder: Path) -> Path:
    """A copy of the finished study that has models and texts, and everything else to compute again."""
    shutil.copytree(finished, folder, symlinks=True)
    shutil.rmtree(folder / "cache")
    for path in (folder / "results").iterdir():
        if path.name not in ("models", "texts"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


def run_snakemake(
    folder: Path, *arguments: str, check: bool = True, variables: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess:
    """Run Snakemake in a folder, offline unless `variables` say otherwise; its output and errors are in `stdout`."""
    command = [Path(sys.executable).parent / "snakemake", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**ENVIRONMENT, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=3600,
    )
    assert not check or done.returncode == 0, done.stdout[-6000:]
    return done


def start_snakemake(folder: Path, *arguments: str) -> subprocess.Popen:
    """Start Snakemake in a folder, as the head of a process group of its own; it writes to `snakemake.out` there."""
    with (folder / "snakemake.out").open("a") as out:
        return subprocess.Popen(
            [Path(sys.executable).parent / "snakemake", *arguments],
            cwd=folder,
            env=ENVIRONMENT,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

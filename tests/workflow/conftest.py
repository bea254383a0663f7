"""The smallest study, run once to the end, and copies of it that a test may change."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from filelock import FileLock
from planning import Job, planned
from running import EVERYTHING, TINY, copy_repository, run_snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The smallest study, run to the end in a folder whose path has spaces. Tests must not change it.

    Of the processes that run tests side by side, the first makes it for all of them.
    """
    of_all = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        of_all = of_all.parent  # of this process alone
    folder, marker = of_all / "with a space" / "the study", of_all / "finished"
    with FileLock(of_all / "finished.lock"):
        if not marker.exists():
            run_snakemake(copy_repository(folder), *EVERYTHING, "--cores", "2", *TINY)
            marker.touch()
    return folder


@pytest.fixture(scope="session")
def all_jobs(finished) -> set[Job]:
    """All jobs of the finished study."""
    return planned(finished, force=True)


@pytest.fixture(scope="session")
def two_models(finished, tmp_path_factory) -> SimpleNamespace:
    """The same with another model added: its `folder`, `everything` that there is to do and what was `planned` for it.

    Its files are empty and marked as made, since what is planned does not depend on what they hold. Tests must not
    change it.
    """
    folder = add_a_model(shutil.copytree(finished, tmp_path_factory.mktemp("two") / "models", symlinks=True))
    plans = {"everything": planned(folder, force=True), "planned": planned(folder)}
    for path in (folder / path for job in plans["planned"] for path in job.made):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name == "checkpoints":
            path.mkdir(exist_ok=True)
        path.touch()
    run_snakemake(folder, *EVERYTHING, "--cores", "2", "--touch", "--forceall", *TINY)
    return SimpleNamespace(folder=folder, **plans)


def add_a_model(folder: Path) -> Path:
    """Add a model to a study that differs from its own in seed and k alone."""
    config = yaml.safe_load((folder / "tiny.yaml").read_text())
    config["study"]["models"].append("other")
    other = {**config["models"]["tiny"], "label": "Other BLOOM", "k": 7}
    config["models"]["other"] = {**other, "train": {**other["train"], "seed": 1}}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return folder


@pytest.fixture
def study(finished, tmp_path) -> Path:
    """A copy of the finished study that a test may change."""
    return shutil.copytree(finished, tmp_path / "study", symlinks=True)

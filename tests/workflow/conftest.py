"""The smallest study, run once to the end, and copies of it that a test may change."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from filelock import FileLock
from planning import BEYOND, TINY, planned
from running import copy_repository, run_snakemake


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
            run_snakemake(copy_repository(folder), "--cores", "2", *TINY)
            marker.touch()
    return folder


@pytest.fixture(scope="session")
def two_models(finished, tmp_path_factory) -> SimpleNamespace:
    """The same with another model added: its `folder`, `everything` that there is to do and what was `planned` for it.

    Tests must not change it.
    """
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("two") / "models", symlinks=True)
    config = yaml.safe_load((folder / "tiny.yaml").read_text())
    config["study"]["models"].append("other")
    other = {**config["models"]["tiny"], "label": "Other BLOOM", "k": 7}
    config["models"]["other"] = {**other, "train": {**other["train"], "seed": 1}}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    plans = {"everything": planned(folder, "--forceall"), "planned": planned(folder)}
    run_snakemake(folder, "--cores", "2", *TINY)
    return SimpleNamespace(folder=folder, **plans)


@pytest.fixture(scope="session")
def beyond(finished, tmp_path_factory) -> Path:
    """The same with all that is in beyond.yaml. Tests must not change it."""
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("beyond") / "study", symlinks=True)
    shutil.copy2(Path(__file__).parent / "beyond.yaml", folder)
    run_snakemake(folder, "--cores", "2", *BEYOND)
    return folder


@pytest.fixture
def study(finished, tmp_path) -> Path:
    """A copy of the finished study that a test may change."""
    return shutil.copytree(finished, tmp_path / "study", symlinks=True)

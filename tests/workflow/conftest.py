"""The smallest study, run once to the end, and copies of it that a test may change."""

import shutil
from pathlib import Path

import pytest
from running import copy_repository, run_snakemake


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

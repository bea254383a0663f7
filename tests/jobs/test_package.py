"""The package, built and installed as `pip install .` does, but for what it depends on."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
NAMES = "export_model, read_condition, steer, write_condition"  # which import no torch


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that nothing is left in the repository."""
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "envs", source / "envs")
    shutil.copytree(
        ROOT / "workflow_scripts", source / "workflow_scripts", ignore=shutil.ignore_patterns("__pycache__")
    )
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(source)], check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_module_and_data_file(wheel):
    tracked = subprocess.run(["git", "ls-files", "workflow_scripts"], cwd=ROOT, capture_output=True, text=True).stdout
    package = ROOT / "workflow_scripts"
    files = set(tracked.split()) or {
        str(path.relative_to(ROOT)) for path in package.rglob("*.*") if path.parent.name != "__pycache__"
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    there = {name for name in files if (ROOT / name).is_file()}
    assert there - held == set()
    assert {Path(name).parts[0] for name in held} == {"workflow_scripts"}
    data = ("kinship/uriel.csv.xz", "report/style.css", "report/requirements.in", "paper/printed/table7.csv")
    assert {f"workflow_scripts/{name}" for name in data} <= held


def test_it_is_imported_from_anywhere_where_it_is_installed(wheel, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True)
    code = f"""
from pathlib import Path
import workflow_scripts
from workflow_scripts import {NAMES}
from workflow_scripts.config.languages import LANGUAGES
from workflow_scripts.kinship.similarities import URIEL
from workflow_scripts.paper.table_replication import PUBLISHED
from workflow_scripts.report import provenance
from workflow_scripts.report.page import FOLDER
assert "torch" in provenance.packages(provenance.REQUIREMENTS)
assert "write_provenance" in provenance.stages(Path(workflow_scripts.__file__).parent)
assert all(path.read_text() for path in PUBLISHED)
assert URIEL.read_bytes() and (FOLDER / "page.html").read_text() and LANGUAGES["es"].iso639_3 == "spa"
print(Path(workflow_scripts.__file__).parent)
"""
    environment = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    ran = subprocess.run([python, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert Path(ran.stdout.strip()).is_relative_to(tmp_path / "venv")


def test_it_asks_for_ranges_that_the_installed_packages_are_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
    required = [Requirement(line) for line in re.findall(r"^Requires-Dist: (.+)$", metadata, flags=re.MULTILINE)]
    needed = [each for each in required if each.marker is None]
    assert {"torch", "transformers", "snakemake", "pydantic"} <= {each.name for each in needed}
    for each in needed:
        assert not any(part.operator in ("==", "===") for part in each.specifier), f"{each} is no range"
        assert Version(distribution(each.name).version) in each.specifier
    extras = {re.search(r"extra == ['\"](\w+)", str(each.marker))[1] for each in required if each.marker}
    assert extras == {"slurm", "dev"}
    (versions,) = re.findall(r"^Requires-Python: (.+)$", metadata, flags=re.MULTILINE)
    assert set(versions.replace(" ", "").split(",")) == {">=3.11", "<3.14"}

"""A model of one's own, by the README's block as it is printed and by `studies/minimal.yaml`."""

import json
import re
import shutil

import pandas as pd
import pytest
import yaml
from planning import read_dry_run
from running import EVERYTHING, ROOT, copy_repository, run_snakemake

COMMIT = "93efa2f097d58c2a74874c7e644dbc9b0cee75a2"
MINE = ("--configfile", "studies/mine.yaml")
MINIMAL = ("--configfile", "studies/minimal.yaml")
SHOWN = [f"results-minimal/{name}" for name in ("table1.csv", "table2.csv", "figure4.csv")]


def printed() -> str:
    """The README's study of a model of one's own."""
    (block,) = re.findall(r"^## Your own model\n\n```yaml\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    return block


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A fresh copy of the repository with the README's study in its place. Tests must not change it."""
    folder = copy_repository(tmp_path_factory.mktemp("own") / "repository")
    (folder / "studies/mine.yaml").write_text(printed())
    return folder


def test_what_is_to_be_filled_in_is_asked_for(folder):
    done = run_snakemake(folder, "-n", *MINE, check=False)
    assert done.returncode == 1
    message = r"models\.mine\.revision: '<40 hexadecimal digits>' is no commit: .*\(studies/mine\.yaml, line 5\)$"
    assert re.search(message, done.stdout, flags=re.MULTILINE), done.stdout


def test_the_readmes_study_is_planned_with_a_folder_of_its_own(folder, tmp_path):
    """Nothing of the default study keeps it from running: no layer, language or data that this model may lack."""
    study = shutil.copytree(folder, tmp_path / "study")
    mine = study / "studies/mine.yaml"
    mine.write_text(mine.read_text().replace("<40 hexadecimal digits>", COMMIT))
    jobs = read_dry_run(run_snakemake(study, "-n", *EVERYTHING, *MINE).stdout)
    made = {file for job in jobs for file in job.made}
    assert {"results-mine/table2.csv", "results-mine/methods.csv", "results-mine/figure4.pdf"} <= made
    assert {job["model"] for job in jobs} == {"mine", ""}
    assert {file for file in made if not file.startswith("results-mine/")} == set()
    numbers = {job["changed"] for job in jobs if job.rule == "average_states"}
    assert numbers == {"middle"}

    (study / "results-mine").mkdir()
    (study / "results-mine/study.json").write_text(json.dumps({"files": ["studies/other.yaml"]}))
    done = run_snakemake(study, "-n", *MINE, check=False)
    assert done.returncode == 1
    assert "results: results-mine holds what studies/other.yaml made" in done.stdout


def test_the_minimal_study_is_planned_as_it_stands(folder):
    settings = (ROOT / "studies/minimal.yaml").read_text().splitlines()
    assert len([line for line in settings if line and not line.startswith("#")]) <= 15
    jobs = read_dry_run(run_snakemake(folder, "-n", *SHOWN, *MINIMAL).stdout)
    assert set(SHOWN) <= {file for job in jobs for file in job.made}
    assert {job["dataset"] for job in jobs if job.rule == "read_texts"} == {"cldr-dev", "cldr-devtest"}


@pytest.mark.exhaustive
def test_the_minimal_study_runs_on_a_model_in_a_directory(folder, model_directory, tmp_path):
    study = shutil.copytree(folder, tmp_path / "study")
    minimal = study / "studies/minimal.yaml"
    settings = yaml.safe_load(minimal.read_text())
    settings["models"]["mine"] = {"label": "Mine", "path": str(model_directory("bloom")), "k": 100}
    minimal.write_text(yaml.safe_dump(settings))
    run_snakemake(study, *SHOWN, "--cores", "2", *MINIMAL)
    assert json.loads((study / "results-minimal/study.json").read_text()) == {"files": ["studies/minimal.yaml"]}
    table, figure = (pd.read_csv(study / name) for name in (SHOWN[1], SHOWN[2]))
    assert set(table["model"]) == {"mine"}
    assert figure["candidate"].nunique() == 21

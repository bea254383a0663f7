"""What the workflow costs beside what its stages compute: planning, reading the rules, starting and ending a job.

No model and no text is needed: a study is planned from its config, and a finished one is stood in for by empty files
that Snakemake has marked as made (`--touch`), since it goes by times and its own records, not by what files hold.
"""

import copy
import csv
import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import h5py
import numpy as np
import pytest
import yaml
from snakemake.utils import update_config

from workflow_scripts.embeddings.embedding_files import write_part
from workflow_scripts.interventions.conditions import Condition, Site, write_condition
from workflow_scripts.jobs.files import canonical_json
from workflow_scripts.jobs.fingerprint import dependencies
from workflow_scripts.jobs.stages import find_stages

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PAPER = ROOT / "studies/paper.yaml"
STAGES = find_stages(ROOT / "workflow_scripts")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
LANGUAGES = ["de", "en", "es", "fr"]


def run(command: list[str | Path], folder: Path) -> str:
    """Run a command to its end in a folder; what it says."""
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def snakemake(folder: Path, *arguments: str | Path) -> str:
    """Run Snakemake with the repository's rules in a folder of its own, where results go."""
    rules = ("--snakefile", ROOT / "Snakefile", "--workflow-profile", ROOT / "profiles/default")
    return run([BIN / "snakemake", *rules, *arguments], folder)


def stage(name: str, folder: Path, *arguments: str | Path) -> str:
    """Run a stage as a job does."""
    return run([sys.executable, "-m", STAGES[name], *arguments], folder)


def seconds(work, rounds: int = 3) -> float:
    """The least time of some rounds, after one that fills the disk's cache."""
    work()
    times = []
    for _ in range(rounds):
        started = perf_counter()
        work()
        times.append(perf_counter() - started)
    return min(times)


def planned_jobs(output: str) -> int:
    """The number of jobs in a dry run."""
    found = re.search(r"^total +(\d+)$", output, re.MULTILINE)
    assert found is not None, output[-3000:]
    return int(found[1])


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder to run in; nothing has been made there."""
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    return tmp_path


# Planning


def test_dry_run_of_the_papers_study(side_by_side, folder):
    jobs = planned_jobs(snakemake(folder, "-n", "--cores", "8", "--configfile", PAPER))
    side_by_side.stay_below(
        f"Dry run of the paper's whole study, {jobs} jobs, Snakemake's start included",
        lambda: seconds(lambda: snakemake(folder, "-n", "--cores", "8", "--configfile", PAPER)),
        "s",
        15,
    )
    assert {path.name for path in folder.iterdir()} == {"config.yaml", ".snakemake"}


def test_run_of_a_finished_demo(side_by_side, folder):
    with_header = snakemake(folder, "--summary").splitlines()
    start = next(number for number, line in enumerate(with_header) if line.startswith("output_file\t"))
    outputs = [row["output_file"] for row in csv.DictReader(with_header[start:], delimiter="\t")]
    for output in outputs:
        (folder / output).parent.mkdir(parents=True, exist_ok=True)
        (folder / output).touch()
    snakemake(folder, "--cores", "2", "--touch")

    def run_again() -> None:
        assert "Nothing to be done" in snakemake(folder, "--cores", "2")

    side_by_side.stay_below(
        f"Run of the finished demo, {len(outputs)} files, with nothing to do", lambda: seconds(run_again), "s", 10
    )


def test_growth_of_the_dry_run(growth, folder):
    """The paper's study with fewer and more models."""
    studies = {}
    for models in (1, 3, 9):
        study = folder / f"{models}.yaml"
        study.write_text(yaml.safe_dump(with_models(yaml.safe_load(PAPER.read_text()), models)))
        studies[planned_jobs(snakemake(folder, "-n", "--cores", "8", "--configfile", study))] = study
    growth.of_time(
        "Dry run of the paper's study with 1, 3 and 9 models",
        "jobs",
        lambda jobs: lambda: snakemake(folder, "-n", "--cores", "8", "--configfile", studies[jobs]),
        list(studies),
        rounds=1,
    )


def with_models(study: dict, count: int) -> dict:
    """A study with so many models, its own and copies of them."""
    changed = copy.deepcopy(study)
    own = study["study"]["models"]
    names = [f"{own[number % len(own)]}-{number}" for number in range(count)]
    changed["study"]["models"] = names
    changed["models"] = {name: study["models"][own[number % len(own)]] for number, name in enumerate(names)}
    return changed


# Reading the rules, which Snakemake does for every command and, on a cluster, for every job


def test_reading_of_the_rules(side_by_side, folder):
    empty = folder / "Empty"
    empty.touch()
    alone = seconds(lambda: run([BIN / "snakemake", "--snakefile", empty, "--list-rules"], folder))
    side_by_side.stay_below(
        "Start of Snakemake and reading of the Snakefile",
        lambda: seconds(lambda: snakemake(folder, "--list-rules", "--configfile", PAPER)),
        "s",
        3,
        f"{alone:.2f} s with an empty Snakefile",
    )


# What the Snakefile does beside declaring rules, in a fresh process, imports included.
READING = """
import json, sys
from pathlib import Path
from time import perf_counter

settings, stages, package = json.loads(Path("settings.json").read_text()), sys.argv[2:], Path(sys.argv[1])
started = perf_counter()
from workflow_scripts.config.study import read_config
from workflow_scripts.jobs.fingerprint import fingerprint
from workflow_scripts.plan import Plan

plan = Plan(read_config(settings, []))
for stage in stages:
    fingerprint(stage, package)
print(perf_counter() - started)
"""


def test_reading_of_the_config_and_all_code(side_by_side, folder):
    settings = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(settings, yaml.safe_load(PAPER.read_text()))
    (folder / "settings.json").write_text(json.dumps(settings))
    command = [sys.executable, "-c", READING, ROOT / "workflow_scripts", *STAGES.values()]
    side_by_side.stay_below(
        f"Reading the config and the code of all {len(STAGES)} stages, for what depends on them",
        lambda: min(float(run(command, folder)) for _ in range(4)),
        "s",
        1,
    )


# Starting a job


@pytest.fixture(scope="module")
def starts(tmp_path_factory) -> dict[str, float]:
    """Seconds from the start of a stage that runs no model to the end of its `--help`."""
    folder = tmp_path_factory.mktemp("starts")
    names = [name for name, module in STAGES.items() if not runs_a_model(module)]
    return {name: seconds(lambda name=name: stage(name, folder, "--help"), rounds=2) for name in names}


def runs_a_model(module: str) -> bool:
    """Whether a stage runs a model or its tokenizer, importing which takes seconds."""
    return any(name.endswith((":torch", ":AutoTokenizer")) for name in dependencies(module, ROOT / "workflow_scripts"))


def test_slowest_start_of_a_stage_without_a_model(side_by_side, starts):
    slowest = max(starts, key=starts.__getitem__)
    side_by_side.stay_below(
        f"Start of a stage that runs no model, the slowest of {len(starts)}", lambda: starts[slowest], "s", 1, slowest
    )


def test_median_start_of_a_stage_without_a_model(side_by_side, starts):
    side_by_side.stay_below(
        "Start of a stage that runs no model, the median", lambda: statistics.median(starts.values()), "s", 1
    )


@pytest.fixture
def space(tmp_path) -> Iterator[Path]:
    """A folder with embeddings of a few sentences, unintervened and intervened, and their conditions."""
    draw = np.random.default_rng(0)
    site = Site(module="m", width=4, units=[1], parameters={"value": [0.5]})
    changed = dict(method="force", units="expert", target="es", pooling="max", k=1, sites=[site])
    conditions = {
        "base": Condition(name="base", model="tiny"),
        "es": Condition(name="es-expert-max-k1", model="tiny", **changed),
    }
    for name, condition in conditions.items():
        write_condition(tmp_path / f"{name}.json", condition)
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            for language in LANGUAGES:
                embeddings = draw.standard_normal((20, 32), dtype=np.float32)
                write_part(file.create_group(f"{language}/sentence"), [f"dev-{row}" for row in range(20)], embeddings)
    yield tmp_path


def measure(name: str, space: Path) -> None:
    """The job that measures a space."""
    settings = {"dataset": "dev", "languages": LANGUAGES, "layers": ["last"]}
    spec = canonical_json({**settings, "similarities": ["inner_product", "cosine"]})
    inputs = ("--base", "base.h5", "--embeddings", f"{name}.h5", "--condition", f"{name}.json")
    outputs = [
        item
        for output in ("distances", "medoid", "retrieval", "alignment", "abx")
        for item in (f"--{output}", f"{name}.{output}.csv")
    ]
    stage("measure_space", space, "--spec", spec, *inputs, *outputs)


def table(space: Path) -> None:
    """The job that makes Table 1."""
    spec = {
        "models": [{"name": "tiny", "label": "Tiny"}],
        "poolings": ["max"],
        "targets": ["es"],
        "languages": LANGUAGES,
        "measure": "pairs",
        "medoid": "sentence",
    }
    inputs = [f"{name}.{{}}.csv" for name in ("base", "es")]
    stage(
        "table_distances",
        space,
        *("--spec", canonical_json(spec)),
        *("--distances", *(name.format("distances") for name in inputs)),
        *("--medoid", *(name.format("medoid") for name in inputs)),
        *("--csv", "table1.csv", "--markdown", "table1.md", "--latex", "table1.tex", "--json", "table1.json"),
    )


def test_job_that_measures_a_space(side_by_side, space):
    side_by_side.stay_below(
        "Job that measures a space of 20 sentences in 4 languages",
        lambda: seconds(lambda: measure("base", space)),
        "s",
        1,
    )


def test_job_that_makes_a_table(side_by_side, space):
    for name in ("base", "es"):
        measure(name, space)
    side_by_side.stay_below("Job that makes a table", lambda: seconds(lambda: table(space)), "s", 1)

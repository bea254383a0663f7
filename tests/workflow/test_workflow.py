"""The workflow as a user runs it: to a table, again, to a report, and into mistakes."""

import re
import shutil

import pandas as pd
import pytest
from running import ROOT, copy_repository, run_snakemake

TINY = ("--configfile", "tiny.yaml")

pytestmark = pytest.mark.slow


def planned(output: str) -> dict[str, int]:
    """Rules and numbers of jobs in a dry run's output."""
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", output, flags=re.MULTILINE)}


def test_every_table_and_figure_is_there(finished):
    results = finished / "results"
    for name in ("table1", "table2", "table3", "table5"):
        for suffix in ("csv", "md", "tex", "html"):
            assert (results / f"{name}.{suffix}").stat().st_size > 0
    for name in ("figure4", "figure5", "figures/retrieval/en", "figures/retrieval_change/en"):
        for suffix in ("pdf", "png", "csv"):
            assert (results / f"{name}.{suffix}").stat().st_size > 0
    table2 = pd.read_csv(results / "table2.csv")
    assert set(table2["query"]) == {"en", "es"}
    assert set(table2["correlation"]) == {"acc_post~d_post", "acc_pre~d_pre", "d_post~d_pre", "delta_acc~delta_d"}
    assert not list(results.rglob("*.partial*"))


def test_a_second_run_has_nothing_to_do(finished):
    assert "Nothing to be done" in run_snakemake(finished, "--cores", "2", *TINY).stdout


def test_a_deleted_table_alone_is_made_again(study):
    before = (study / "results/table2.csv").read_bytes()
    (study / "results/table2.csv").unlink()
    assert planned(run_snakemake(study, "-n", *TINY).stdout) == {"table2": 1, "all": 1, "total": 2}
    run_snakemake(study, "--cores", "2", *TINY)
    assert (study / "results/table2.csv").read_bytes() == before


def test_another_k_needs_no_responses_and_no_ranking(study):
    config = (study / "tiny.yaml").read_text()
    (study / "tiny.yaml").write_text(config.replace("k: 5", "k: 6"))
    jobs = planned(run_snakemake(study, "-n", *TINY).stdout)
    assert jobs["condition"] == 2
    assert jobs["embeddings"] == 4
    assert not {"text", "train_model", "model", "activations", "experts"} & set(jobs)


def test_an_added_candidate_is_embedded_alone(study):
    config = (study / "tiny.yaml").read_text()
    (study / "tiny.yaml").write_text(config.replace("languages: [de, en, es, ru]", "languages: [de, en, es, ru, ja]"))
    run_snakemake(study, "--cores", "2", *TINY)
    log = (study / "results/logs/embeddings/tiny/base/tiny-devtest.log").read_text()
    assert re.findall(r"embedding (\w+) sentence", log) == ["ja"]
    assert log.count("found in the cache") == 4


def test_any_condition_can_be_asked_for_by_name(study):
    wanted = "results/metrics/tiny/es-random-max-k7-s3/tiny-devtest/retrieval.csv"
    run_snakemake(study, wanted, "--cores", "2", *TINY)
    metric = pd.read_csv(study / wanted)
    assert metric[["units", "k", "seed"]].drop_duplicates().to_numpy().tolist() == [["random", 7, 3]]
    assert len(metric) == 3 * 4 * 3


def test_the_report_holds_every_table_and_figure(study):
    run_snakemake(study, *TINY, "--report", "report.html")
    page = (study / "report.html").read_text()
    for name in ("table1.html", "table2.html", "table3.html", "table5.html", "figure4.png", "figure5.png"):
        assert name in page


def test_a_wrong_config_is_refused_before_any_job(tmp_path):
    folder = copy_repository(tmp_path / "study")
    done = run_snakemake(folder, "-n", *TINY, "--config", "models={tiny: {k: 100000}}", check=False)
    assert done.returncode == 1
    assert "models.tiny: k = 100000 is larger than the model's 320 neurons" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_failed_job_names_its_log_and_ends_with_the_cause(tmp_path):
    folder = copy_repository(tmp_path / "study")
    overlay = folder / "local.yaml"
    overlay.write_text("datasets: {local: {source: local, layout: flores200, split: dev}}\ndata_root: nowhere\n")
    arguments = ("--configfile", "tiny.yaml", "local.yaml", "--config", "study={probing: {dataset: local}}")
    done = run_snakemake(folder, "results/texts/local.parquet", "--cores", "1", *arguments, check=False)
    assert done.returncode == 1
    last = done.stdout.strip().splitlines()[-6:]
    assert any("text failed: " in line for line in last)
    assert any("results/logs/texts/local.log" in line for line in last)
    assert "nowhere" in "".join(last)


@pytest.mark.parametrize("study_file", sorted(path.name for path in (ROOT / "studies").glob("*.yaml")))
def test_every_study_resolves_without_network(tmp_path, study_file):
    folder = copy_repository(tmp_path / "study")
    jobs = planned(run_snakemake(folder, "-n", "--configfile", f"studies/{study_file}").stdout)
    assert jobs["table2"] == 1
    assert jobs["embeddings"] >= 10


def test_it_runs_from_another_working_directory(tmp_path):
    """Results go to the working directory; the code is found all the same."""
    folder = copy_repository(tmp_path / "the repository")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(folder / "tiny.yaml", elsewhere / "tiny.yaml")
    shutil.copy2(folder / "config.yaml", elsewhere / "config.yaml")
    snakefile = ("--snakefile", str(folder / "Snakefile"), "--workflow-profile", str(folder / "profiles/default"))
    run_snakemake(elsewhere, "results/texts/tiny-dev.parquet", "--cores", "1", *snakefile, *TINY)
    assert (elsewhere / "results/texts/tiny-dev.parquet").exists()

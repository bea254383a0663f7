"""The workflow as a user runs it: to a table, again, to a report, and into mistakes."""

import json
import re
import shutil
from collections import Counter
from itertools import product

import pandas as pd
import pytest
import yaml
from running import EVERYTHING, ROOT, TINY, copy_repository, run_snakemake
from snakemake.utils import update_config

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.languages import BUILT_IN
from workflow_scripts.tables.merge_metrics import QUANTITIES


def planned(output: str) -> Counter[str]:
    """Rules and numbers of jobs in a dry run's output, those of a stage with several rules together."""
    counts: Counter[str] = Counter()
    for rule, count in dict(re.findall(r"^(\w+) +(\d+)$", output, flags=re.MULTILINE)).items():  # said twice
        counts[re.sub(r"_\d+$", "", rule)] += int(count)
    return counts


TABLES = [
    *(f"table{number}" for number in range(1, 8)),
    "centred",
    "families",
    "abx",
    "checkpoints",
    "layers",
    "transfer",
    "sources",
    "methods",
    "similarity",
    "similarity_mixed",
    "claims",
    "replication",
    "compute",
]
NUMBERS = [1, 2, 3, 4, 5, 6, 7, 21, 24, 27, 30]  # the paper's, for one model and two targets
UNNUMBERED = [  # figures that the paper does not have
    f"{kind}/tiny"
    for kind in (
        *(
            "families",
            "family_matrix",
            "abx",
            "abx_pairs",
            "abx_map",
            "similarity",
            "checkpoints",
            "layers",
            "transfer",
            "methods",
        ),
    )
]


def test_every_table_and_figure_is_there(finished):
    results = finished / "results"
    for name in TABLES:
        for suffix in ("csv", "md", "tex"):
            assert (results / f"{name}.{suffix}").stat().st_size > 0
    for number in NUMBERS:
        for suffix in ("pdf", "png", "csv"):
            assert (results / f"figure{number}.{suffix}").stat().st_size > 0
    for path in UNNUMBERED:
        for suffix in ("pdf", "png", "csv"):
            assert (results / f"figures/{path}.{suffix}").stat().st_size > 0
    assert sorted(path.name for path in results.glob("figure*.pdf")) == sorted(f"figure{n}.pdf" for n in NUMBERS)
    table2 = pd.read_csv(results / "table2.csv")
    assert set(table2["query"]) == {"en", "es"}
    assert set(table2["correlation"]) == {"acc_post~d_post", "acc_pre~d_pre", "d_post~d_pre", "delta_acc~delta_d"}
    table6 = pd.read_csv(results / "table6.csv")
    assert set(table6["seed"]) == {0, 1}
    table7 = pd.read_csv(results / "table7.csv")
    assert set(zip(table7["dataset"], table7["direction"], strict=True)) == {
        *(("tatoeba", "to_english"), ("tatoeba", "from_english"), ("bucc18", "to_english"))
    }
    abx = pd.read_csv(results / "abx.csv")
    assert set(zip(abx["target"], abx["task"], strict=True)) == set(product(["en", "es"], ["language", "meaning"]))
    assert abx[["pre", "post"]].stack().between(0, 1).all()
    checkpoints = pd.read_csv(results / "checkpoints.csv")
    assert checkpoints["checkpoint"].unique().tolist() == ["tiny-step5", "tiny"]
    similarity = pd.read_csv(results / "similarity.csv").set_index(["outcome", "quantity", "coefficient", "measure"])
    assert similarity["value"].dropna().between(-1, 1).all()
    assert set(similarity.index.unique("measure")) == {
        *("syntactic", "phonological", "inventory", "genetic", "geographic", "trigrams", "subwords")
    }
    assert set(pd.read_csv(results / "similarity_mixed.csv")["note"]) == {"too few languages"}
    assert not list(results.rglob("*.partial*"))


def test_every_number_that_was_measured_is_in_one_file(finished):
    results = finished / "results"
    merged = pd.read_csv(results / "metrics.csv", dtype={"layer": str, "seed": str, "medoid_id": str})
    measured = [*results.glob("metrics/tiny*/**/*.csv"), *results.glob("sweeps/*/*/*.csv")]
    no_numbers, partly_shown = {"examples", "selection"}, {"transfer_baselines"}
    for name in sorted({path.stem for path in measured} - no_numbers - partly_shown):
        of_metric = pd.concat([pd.read_csv(path) for path in measured if path.stem == name])
        numbers = of_metric[[each for each in QUANTITIES if each in of_metric]].stack().dropna()
        found = merged.loc[merged.metric == name, "value"].dropna()
        assert sorted(found) == pytest.approx(sorted(numbers), rel=1e-12), name


def test_the_experts_of_every_target_are_listed(finished):
    for target in ("en", "es"):
        listed = pd.read_csv(finished / f"results/experts/tiny/max/{target}.csv")
        condition = json.loads((finished / f"results/conditions/tiny/{target}-expert-max-k5.json").read_text())
        forced = {(site["module"], unit) for site in condition["sites"] for unit in site["units"]}
        assert set(zip(listed["module"], listed["unit"], strict=True)) == forced
        assert listed["expertise"].is_monotonic_decreasing


def test_a_number_is_another_name_for_what_a_figure_shows(finished):
    results = finished / "results"
    for number, path in {3: "projection/es", 7: "projection/tiny/es", 30: "retrieval_random/tiny"}.items():
        assert (results / f"figure{number}.csv").read_bytes() == (results / f"figures/{path}.csv").read_bytes()


def test_sentences_are_kept_with_language_probability_and_perplexity(finished):
    rows = pd.read_parquet(finished / "results/sweeps/tiny/es-max/identified.parquet")
    assert len(rows) == 3 * 2 * 4
    assert set(rows["k"]) == {0, 5, 10}
    assert rows[["language", "text"]].notna().all(axis=None)
    assert (rows[["perplexity", "own_perplexity"]] >= 1).all(axis=None)
    assert rows[["probability", "target_probability"]].stack().between(0, 1).all()


def test_computation_is_tabulated(finished):
    compute = pd.read_csv(finished / "results/compute.csv").set_index(["model", "stage"])
    of_paper = {"embed_sentences": 1 + 2 + 2 * 2, "measure_space": 1 + 2 + 2 * 2, "generate_texts": 2}
    assert compute.loc["tiny"]["jobs"][list(of_paper)].to_dict() == of_paper
    assert compute.loc[("tiny", "generate_texts"), "tokens"] > 0
    assert (compute["wall_hours"] > 0).all()
    beyond_the_paper = {"embed_words", "average_states", "count_active_tokens", "fit_by_layer", "measure_layers"}
    assert not beyond_the_paper & set(compute.index.unique("stage"))


def test_a_second_run_has_nothing_to_do(finished):
    assert "Nothing to be done" in run_snakemake(finished, *EVERYTHING, "--cores", "2", *TINY).stdout


def test_a_deleted_table_alone_is_made_again(study):
    before = (study / "results/table2.csv").read_bytes()
    (study / "results/table2.csv").unlink()
    jobs = planned(run_snakemake(study, "-n", *TINY).stdout)
    assert set(jobs) == {"table2", "replication", "write_provenance", "write_report", "all", "total"}
    page = (study / "results/report.html").read_text()
    run_snakemake(study, "--cores", "2", *TINY)
    # What was made beyond the paper stays in the report.
    assert (study / "results/report.html").read_text().count("<img") == page.count("<img")
    assert (study / "results/table2.csv").read_bytes() == before


def test_another_k_needs_no_responses_and_no_ranking(study):
    config = (study / "tiny.yaml").read_text()
    (study / "tiny.yaml").write_text(config.replace("k: 5", "k: 6"))
    jobs = planned(run_snakemake(study, "-n", *TINY).stdout)
    assert (jobs["choose_units"], jobs["fit_by_layer"], jobs["embed_sentences"]) == (2 + 4, 2, 2 + 4 + 2)
    assert not {"read_texts", "train_model", "describe_model", "record_responses", "rank_neurons"} & set(jobs)


def test_any_condition_can_be_asked_for_by_name(study):
    wanted = "results/metrics/tiny/es-random-max-k7-s3/tiny-devtest/retrieval.csv"
    run_snakemake(study, wanted, "--cores", "2", *TINY)
    metric = pd.read_csv(study / wanted)
    assert metric[["units", "k", "seed"]].drop_duplicates().to_numpy().tolist() == [["random", 7, 3]]
    assert len(metric) == 3 * 4 * 3


def test_the_report_holds_every_table_and_figure(finished):
    page = (finished / "results/report.html").read_text()
    for name in TABLES:
        assert f'href="{name}.csv"' in page
    for number in NUMBERS:
        assert f'id="figure-{number}"' in page
    assert page.index("What was found") < page.index("Settings")
    assert page.count("<img") >= len(NUMBERS + UNNUMBERED) - 1  # Figures 3 and 7 are one


def test_the_report_opens_in_a_browser_with_every_image_and_no_error(finished, open_page):
    opened = open_page(finished / "results/report.html")
    widths = opened.window.evaluate("Array.from(document.querySelectorAll('main img'), image => image.naturalWidth)")
    assert len(widths) == len(NUMBERS + UNNUMBERED) - 1
    assert min(widths) > 100
    assert opened.said == []
    assert len([url for url in opened.asked if not url.startswith("data:")]) == 1


def test_snakemakes_own_report_holds_the_page_and_every_table_and_figure_with_its_caption(study):
    run_snakemake(study, *TINY, "--report", "snakemake.html")
    text = (study / "snakemake.html").read_text()
    assert "report.html" in text and "Cross-lingual retrieval" in text
    for number in NUMBERS:
        assert f"Figure {number}: " in text
    caption = json.loads((study / "results/figures/retrieval_change/es.json").read_text())["caption"]
    assert '"Table 1"' in text
    for said in (caption.partition("(columns)")[0], (study / "results/table1.md").read_text().partition(".")[0]):
        assert json.dumps(said)[1:-1] in text  # as it stands in the page's data
    assert "System Message" not in text


def test_a_wrong_config_is_refused_before_any_job(tmp_path):
    folder = copy_repository(tmp_path / "study")
    done = run_snakemake(folder, "-n", *TINY, "--config", "models={tiny: {k: 100000}}", check=False)
    assert done.returncode == 1
    assert "models.tiny: k = 100000 is larger than the model's 320 neurons" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_failed_job_names_its_log_and_ends_with_the_cause(tmp_path):
    folder = copy_repository(tmp_path / "study")
    (folder / "data/own").mkdir(parents=True)
    for code in ("de", "en", "es", "ja"):
        (folder / f"data/own/{code}.txt").write_text("one\n" if code == "es" else "one\ntwo\n")
    overlay = folder / "local.yaml"
    overlay.write_text("datasets: {local: {source: local, layout: lines, split: dev, path: own}}\ndata_root: data\n")
    arguments = ("--configfile", "tiny.yaml", "local.yaml", "--config", "study={probing: {dataset: local}}")
    target = "results/texts/local.parquet"
    done = run_snakemake(folder, target, "--cores", "1", *arguments, check=False)
    assert done.returncode == 1
    last = done.stdout.strip().splitlines()[-6:]
    assert any("read_texts failed: " in line for line in last), done.stdout
    assert any("results/logs/read_texts/local.log" in line for line in last)
    assert "must be parallel" in "".join(last)


def make_files(datasets, data_root):
    """Make empty files of data sets in every language, since a study without its files is not planned."""
    for dataset, (code, language) in product(datasets, BUILT_IN.items()):
        for file in dataset.local_files(code, language):
            (data_root / file).parent.mkdir(parents=True, exist_ok=True)
            (data_root / file).touch()


@pytest.mark.parametrize("study_file", sorted(path.name for path in (ROOT / "studies").glob("*.yaml")))
def test_every_study_is_planned_without_network_and_the_papers_has_every_table_and_figure(tmp_path, study_file):
    folder = copy_repository(tmp_path / "study")
    given = ["--configfile", f"studies/{study_file}"]
    study = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(study, yaml.safe_load((ROOT / "studies" / study_file).read_text()))
    used = {role["dataset"] for role in study["study"].values() if isinstance(role, dict) and "dataset" in role}
    if local := [name for name in used if study["datasets"][name]["source"] == "local"]:
        make_files([DatasetConfig(**study["datasets"][name]) for name in local], tmp_path)
        given += ["--config", f"data_root={tmp_path}"]
    listed = run_snakemake(folder, "-n", *EVERYTHING, *given).stdout
    jobs = planned(listed)
    assert jobs["table2"] == jobs["write_report"] == 1
    assert jobs["embed_sentences"] >= 3
    if study_file == "proportions.yaml":  # seven mixtures with two seeds each
        made = [jobs[rule] for rule in ("train_tokenizer", "train_model", "mixtures", "mixtures_answers")]
        assert made == [1, 14, 1, 1]
    if study_file == "paper.yaml":
        for number in range(1, 8):
            assert all(f"results-paper/table{number}.{suffix}" in listed for suffix in ("csv", "md", "tex"))
        for number in range(1, 33):
            assert all(f"results-paper/figure{number}.{suffix}" in listed for suffix in ("pdf", "png", "csv"))
        for name in (
            "centred",
            "families",
            "abx",
            "similarity",
            "similarity_mixed",
            "transfer",
            "claims",
            "replication",
            "compute",
        ):
            assert f"results-paper/{name}.csv" in listed


def test_it_runs_from_another_working_directory(tmp_path):
    """Results go to the working directory; the code is found all the same."""
    folder = copy_repository(tmp_path / "the repository")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(folder / "tiny.yaml", elsewhere / "tiny.yaml")
    snakefile = ("--snakefile", str(folder / "Snakefile"), "--workflow-profile", str(folder / "profiles/default"))
    run_snakemake(elsewhere, "results/texts/tiny-dev.parquet", "--cores", "1", *snakefile, *TINY)
    assert (elsewhere / "results/texts/tiny-dev.parquet").exists()

"""Targets that no rule makes are refused with what may be meant; every rule has a line in the list."""

import re
import shutil

import pytest
from running import TINY, copy_repository, run_snakemake


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study of which nothing is made yet. Tests must not change it."""
    return copy_repository(tmp_path_factory.mktemp("study") / "study")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("results/tabel2.csv", r"^results/tabel2\.csv: no rule makes it; did you mean results/table2\.csv\?"),
        ("results-other/figure4", r"^results-other/figure4: no rule makes it; did you mean results/figure4\.csv\?"),
    ],
)
def test_a_target_that_no_rule_makes_is_refused_with_what_may_be_meant(folder, target, message):
    done = run_snakemake(folder, "-n", target, *TINY, check=False)
    assert done.returncode == 1
    assert re.search(message, done.stdout, flags=re.MULTILINE), done.stdout
    assert "Traceback" not in done.stdout


def test_a_table_that_the_study_has_not_is_refused_with_the_reason(folder, tmp_path):
    (tmp_path / "without.yaml").write_text("study: {paraphrase: null}\n")
    done = run_snakemake(folder, "-n", "results/table3.csv", *TINY, str(tmp_path / "without.yaml"), check=False)
    assert done.returncode == 1
    assert "This study has no table3. study.paraphrase names no text in the shown target's language." in done.stdout


def test_every_rule_has_a_line_in_the_list(folder):
    listed = run_snakemake(folder, "--list", *TINY).stdout
    lines = dict(re.findall(r"^(\w+)(?: \((.+)\))?$", listed, flags=re.MULTILINE))
    assert {"all", "beyond", "table1", "figure_retrieval", "embed_sentences_1", "preflight"} <= set(lines)
    assert [name for name, about in lines.items() if not about] == []
    assert lines["rank_neurons"].startswith("Rank all neurons by how well")
    assert {name for name, about in lines.items() if "template" in about} == {"stage", "on_model"}


def test_what_is_not_there_is_refused_in_the_plan_unless_what_it_makes_is_there(folder, tmp_path):
    study = shutil.copytree(folder, tmp_path / "study")
    (study / "mine.yaml").write_text(
        "study: {alignment: {dataset: mine}}\nmodels: {tiny: {train: null, path: nowhere, layers: []}}\n"
        "datasets:\n  mine: {source: local, layout: lines, split: test}\n"
    )
    wanted = ("results/similarity/languages.csv", "results/models/tiny/model.json", *TINY, "mine.yaml")
    refused = run_snakemake(study, "-n", *wanted, check=False)
    assert refused.returncode == 1
    assert (
        "data_root: is not set, but data sets lie under it (mine); --config data_root=/where/they/lie" in refused.stdout
    )
    assert "models.tiny.path: there is no directory nowhere; give the one that" in refused.stdout  # all at once
    assert "(mine.yaml, line 2)" in refused.stdout

    for path in (study / "results/texts/mine.parquet", study / "results/models/tiny/model.json"):
        path.parent.mkdir(parents=True)
        path.touch()
    run_snakemake(study, "-n", *wanted)

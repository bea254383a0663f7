"""What goes beyond the paper and is not in the smallest study: layers, transfer by probes, methods of intervention."""

import shutil
from itertools import product

import pandas as pd
import pytest
from planning import BEYOND, Chosen, assert_planned, config_edit, of, planned, replace
from running import run_snakemake

pytestmark = pytest.mark.slow

TABLES = ["layers", "transfer", "methods", "similarity"]
FIGURES = ["layers/tiny", "transfer/tiny", "methods/tiny"]


def test_every_table_and_figure_is_there_and_in_the_report(beyond):
    results, page = beyond / "results", (beyond / "results/report.html").read_text()
    for name in TABLES:
        assert all((results / f"{name}.{suffix}").stat().st_size > 0 for suffix in ("csv", "md", "tex"))
        assert f'href="{name}.csv"' in page
    for path in FIGURES:
        assert all((results / f"figures/{path}.{suffix}").stat().st_size > 0 for suffix in ("pdf", "png", "csv"))


def test_measures_are_told_by_layer(beyond):
    layers = pd.read_csv(beyond / "results/layers.csv")
    assert set(layers["layer"]) == {"1", "last", "mean", "max"}
    assert set(layers["units"]) == {"none", "expert", "random"}


def test_probes_are_trained_and_tested_in_all_languages(beyond):
    transfer = pd.read_csv(beyond / "results/transfer.csv")
    probed = product(["en", "es"], ["topics", "tags", "attachment"], ["same", "others"])
    assert set(zip(transfer["target"], transfer["task"], transfer["scope"], strict=True)) == set(probed)
    assert transfer[["pre", "post", "baseline"]].stack().between(0, 1).all()
    outcomes = set(pd.read_csv(beyond / "results/similarity.csv")["outcome"])
    assert {f"transfer {task}" for task in ("topics", "tags", "attachment")} <= outcomes


def test_methods_are_compared_at_every_strength(beyond):
    methods = pd.read_csv(beyond / "results/methods.csv").set_index(["method", "metric"])
    assert list(methods.index.unique("method")) == ["none", "constant", "intervention", "act", "projection"]
    assert methods[~methods["matched"]].drop("constant")["mean"].notna().all()
    assert methods.loc["act", "strength"].dropna().tolist()[:12] == [0.5] * 6 + [1.0] * 6


def test_computation_is_tabulated(beyond):
    jobs = pd.read_csv(beyond / "results/compute.csv").set_index("stage")["jobs"]
    assert (jobs["word_embeddings"], jobs["layer_embeddings"], jobs["layer_means"]) == (4, 1 + 2 + 1, 1)
    assert (jobs["activation_probabilities"], jobs["by_layer_condition"]) == (1, 2)


def test_a_second_run_has_nothing_to_do(beyond):
    assert planned(beyond, config=BEYOND) == set()


SETTINGS: dict[str, tuple[str, str, Chosen]] = {
    "another layer": ("layers: [1]", "layers: [1, 2]", of("layer_embeddings_tiny", "table_layers", "figure_layers")),
    "the rank of the structural probe": ("rank: 4", "rank: 5", of("syntax_transfer")),
    "the strengths of a method": (
        "strengths: [0.5, 1]",
        "strengths: [0.25, 1]",
        lambda job: (
            job["condition"].endswith("-act-x0.25")
            or job["method"] == "-act"
            or job.rule in ("table_methods", "figure_methods", "compute")
        ),
    ),
}


@pytest.mark.parametrize("edit", SETTINGS)
def test_a_setting_concerns_what_depends_on_it(beyond, tmp_path, edit):
    study = shutil.copytree(beyond, tmp_path / "study", symlinks=True)
    old, new, concerned = SETTINGS[edit]
    replace(study / "beyond.yaml", old, new)
    assert_planned(study, config_edit(concerned), BEYOND)


def test_any_layer_of_any_checkpoint_can_be_asked_for_by_name(beyond, tmp_path):
    study = shutil.copytree(beyond, tmp_path / "study", symlinks=True)
    wanted = "results/metrics/tiny-step5/es-expert-max-k5/tiny-devtest/layer-1/abx.csv"
    run_snakemake(study, wanted, "--cores", "2", *BEYOND)
    metric = pd.read_csv(study / wanted)
    assert metric[["model", "target", "layer"]].drop_duplicates().to_numpy().tolist() == [["tiny-step5", "es", 1]]

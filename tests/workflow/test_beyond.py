"""What goes beyond the paper: layers, transfer by probes, methods of intervention."""

from itertools import product

import pandas as pd
from running import TINY, run_snakemake


def test_measures_are_told_by_layer(finished):
    layers = pd.read_csv(finished / "results/layers.csv")
    assert set(layers["layer"]) == {"1", "last", "mean", "max"}
    assert set(layers["units"]) == {"none", "expert", "random"}


def test_probes_are_trained_and_tested_in_all_languages(finished):
    transfer = pd.read_csv(finished / "results/transfer.csv")
    probed = product(["en", "es"], ["topics", "tags", "attachment"], ["same", "others"])
    discriminated = product(["en", "es"], ["language", "meaning"], ["others"])
    shown = zip(transfer["target"], transfer["task"], transfer["scope"], strict=True)
    assert set(shown) == {*probed, *discriminated}
    assert transfer[["pre", "post", "baseline"]].stack().between(0, 1).all()
    outcomes = set(pd.read_csv(finished / "results/similarity.csv")["outcome"])
    assert {f"transfer {task}" for task in ("topics", "tags", "attachment")} <= outcomes


def test_methods_are_compared_at_every_strength(finished):
    methods = pd.read_csv(finished / "results/methods.csv").set_index(["method", "metric"])
    assert list(methods.index.unique("method")) == ["none", "constant", "intervention", "act", "projection"]
    assert methods[~methods["matched"]].drop("constant")["mean"].notna().all()
    alone = methods.loc["act"][lambda rows: ~rows["matched"]]
    assert {"distance", "retrieval", "language_id", "log_perplexity"} < set(alone.index)
    metrics = alone.index.nunique()
    assert alone["strength"].tolist() == [0.5] * metrics + [1.0] * metrics


def test_any_layer_of_any_checkpoint_can_be_asked_for_by_name(study):
    wanted = "results/metrics/tiny-step5/es-expert-max-k5/tiny-devtest/layer-1/abx.csv"
    run_snakemake(study, wanted, "--cores", "2", *TINY)
    metric = pd.read_csv(study / wanted)
    assert metric[["model", "target", "layer"]].drop_duplicates().to_numpy().tolist() == [["tiny-step5", "es", 1]]

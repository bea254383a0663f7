"""Figure 2 from made-up measurements: what is drawn, what is marked, what is written."""

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn import figure_by
from matplotlib.colors import to_hex, to_rgb

from workflow_scripts.figures import drawing, figure_sweep
from workflow_scripts.jobs.errors import StudyError

MODELS = [
    {"name": "bloom-7b", "label": "Bloom-7B", "seen": ["en", "es"]},
    {"name": "aya-8b", "label": "Aya-8B", "seen": None},
]
TARGETS = ["en", "de", "es"]
KS = [0, 100, 500, 5000]
SPEC = {
    "models": MODELS,
    "poolings": ["max", "mean"],
    "targets": TARGETS,
    "ks": KS,
    "chosen": {"bloom-7b": 100, "aya-8b": 300},
    "names": {"de": "German", "es": "Spanish"},
    "identifier": "langid",
    "sentences": 16,
    "seeds": [0, 1, 2],
    "dataset": "wikipedia",
    "standard_error": None,
    "left_out": [],
}
SUFFIXES = ["pdf", "png", "csv", "json"]
# In the order of the axes: rows of panels, then columns.
PANELS = list(product(["max", "mean"], ["language_id_accuracy", "log_perplexity"], ["bloom-7b", "aya-8b"]))


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """One CSV of either kind a model, target and pooling, as the workflow has them; one more identifier than needed."""
    draw = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("measured")
    for model, target, pooling in product(["bloom-7b", "aya-8b"], TARGETS, ["max", "mean"]):
        accuracies, perplexities = [], []
        for k in KS:
            leading = {"model": model, "condition": f"{target}-{pooling}-k{k}" if k else "base", "method": "force"}
            leading |= {"units": "expert" if k else "none", "target": target, "pooling": pooling, "k": k}
            for identifier, seed in product(["langid", "fasttext"], [0, 1, 2, 3]):
                sample = {"identifier": identifier, "sample_seed": seed, "sentences": 16, "accuracy": draw.random()}
                accuracies.append({**leading, **sample})
            log_perplexity = {"log_perplexity": draw.uniform(2, 9), "log_perplexity_error": draw.uniform(0, 0.5)}
            perplexities.append({**leading, "language": target, **log_perplexity})
        name = f"{model}-{target}-{pooling}"
        pd.DataFrame(accuracies).to_csv(folder / f"{name}.language-id.csv", index=False)
        pd.DataFrame(perplexities).to_csv(folder / f"{name}.perplexity.csv", index=False)
    return folder


def command(measured, folder, **changed):
    inputs = {name: sorted(map(str, measured.glob(f"*.{name}.csv"))) for name in ("language-id", "perplexity")}
    options = [item for name, paths in inputs.items() for item in (f"--{name}", *paths)]
    outputs = [f"--{suffix}={folder / 'figure'}.{suffix}" for suffix in SUFFIXES]
    return ["--spec", json.dumps({**SPEC, **changed}), *options, *outputs]


def run(measured, folder, **changed):
    """Run the stage; the figure that it drew, and what it wrote."""
    figure = figure_by(figure_sweep.main, command(measured, folder, **changed))
    return figure, {suffix: folder / f"figure.{suffix}" for suffix in SUFFIXES}


@pytest.fixture(scope="module")
def default(measured, tmp_path_factory):
    """Figure and files with SPEC."""
    return run(measured, tmp_path_factory.mktemp("default"))


def expected(measured, model, target, pooling, k, measure):
    """Value, low and high of one point, from the CSVs."""
    kind = "language-id" if measure == "language_id_accuracy" else "perplexity"
    table = pd.read_csv(measured / f"{model}-{target}-{pooling}.{kind}.csv", float_precision="round_trip")
    table = table[table["k"] == k]
    if kind == "perplexity":
        value, error = table[["log_perplexity", "log_perplexity_error"]].iloc[0]
        return value, value - error, value + error
    wanted = (table["identifier"] == "langid") & table["sample_seed"].isin([0, 1, 2])
    values = table.loc[wanted, "accuracy"].tolist()
    assert len(values) == 3
    return sum(values) / 3, min(values), max(values)


def lines(axis):
    """The lines of targets in a panel, without that of the chosen number."""
    return [line for line in axis.lines if len(line.get_xdata()) == len(KS)]


def test_the_csv_holds_every_point_with_its_spread(measured, default):
    written = pd.read_csv(default[1]["csv"], float_precision="round_trip")
    assert list(written.columns) == ["model", "pooling", "target", "k", "measure", "value", "low", "high"]
    assert len(written) == 2 * 2 * 3 * 4 * 2
    for row in written.itertuples():
        points = expected(measured, row.model, row.target, row.pooling, row.k, row.measure)
        assert (row.value, row.low, row.high) == pytest.approx(points, rel=1e-12)


def test_lines_and_bands_are_the_points_of_the_csv(default):
    figure, files = default
    written = pd.read_csv(files["csv"], float_precision="round_trip")
    assert len(figure.axes) == len(PANELS)
    for axis, (pooling, measure, model) in zip(figure.axes, PANELS, strict=True):
        here = (written["pooling"] == pooling) & (written["measure"] == measure) & (written["model"] == model)
        assert len(axis.collections) == len(lines(axis)) == len(TARGETS)
        for target, line, band in zip(TARGETS, lines(axis), axis.collections, strict=True):
            points = written[here & (written["target"] == target)].set_index("k").loc[KS]
            assert line.get_xdata().tolist() == [0, 1, 2, 3]
            assert line.get_ydata().tolist() == points["value"].tolist()
            outline = {tuple(corner) for corner in band.get_paths()[0].vertices}
            assert outline == {
                point for side in ("low", "high") for point in zip(range(4), points[side], strict=True)
            } and to_rgb(line.get_color()) == tuple(band.get_facecolor()[0][:3])


def test_the_axis_names_each_number_of_experts(default):
    figure, _ = default
    for axis in figure.axes:
        assert axis.get_xticks().tolist() == [0, 1, 2, 3]
    for axis in figure.axes[-2:]:
        assert [label.get_text() for label in axis.get_xticklabels()] == ["0", "100", "500", "5000"]
        assert axis.get_xlabel() == "Number of experts"


def test_columns_are_models_and_rows_are_titled_by_pooling_if_there_are_several(measured, default, tmp_path):
    titles = [axis.get_title() for axis in default[0].axes]
    assert titles[:4] == ["Bloom-7B\nmax pooling", "Aya-8B\nmax pooling", "", ""]
    assert titles[4:] == ["Bloom-7B\nmean pooling", "Aya-8B\nmean pooling", "", ""]
    alone, _ = run(measured, tmp_path, poolings=["mean"], models=MODELS[1:])
    assert [axis.get_title() for axis in alone.axes] == ["Aya-8B", ""]


def test_accuracies_share_one_axis_and_log_perplexities_those_of_their_model(default):
    figure, files = default
    written = pd.read_csv(files["csv"])
    limits = {panel: axis.get_ylim() for panel, axis in zip(PANELS, figure.axes, strict=True)}
    for pooling, model in product(["max", "mean"], ["bloom-7b", "aya-8b"]):
        assert limits[pooling, "language_id_accuracy", model] == (-0.03, 1.03)
        low, high = limits[pooling, "log_perplexity", model]
        assert (low, high) == limits["max", "log_perplexity", model]
        shown = written[(written["measure"] == "log_perplexity") & (written["model"] == model)]
        assert low <= shown["low"].min() and shown["high"].max() <= high
    assert limits["max", "log_perplexity", "bloom-7b"] != limits["max", "log_perplexity", "aya-8b"]


def test_exactly_the_unseen_targets_are_dashed_hollow_and_named_in_red(default):
    figure, _ = default
    for axis, (_, measure, model) in zip(figure.axes, PANELS, strict=True):
        for target, line in zip(TARGETS, lines(axis), strict=True):
            unseen = model == "bloom-7b" and target == "de"
            assert line.is_dashed() == unseen
            assert (to_hex(line.get_markerfacecolor()) == "#ffffff") == unseen
        notes = [("not seen: de*", "#c00000")] if (model, measure) == ("bloom-7b", "language_id_accuracy") else []
        assert [(text.get_text(), to_hex(text.get_color())) for text in axis.texts] == notes


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_legend_names_targets_and_explains_only_what_is_there(measured, default, tmp_path):
    assert legend(default[0]) == ["en", "German", "Spanish", "not seen in pre-training", "chosen number"]
    plain, files = run(measured, tmp_path, models=MODELS[1:], chosen={"bloom-7b": 100})
    assert legend(plain) == ["en", "German", "Spanish"]
    caption = json.loads(files["json"].read_text())["caption"]
    assert "dashed" not in caption and "vertical" not in caption


def test_a_vertical_line_marks_the_chosen_number_also_between_two_of_the_sweep(default):
    figure, _ = default
    for axis, (_, _, model) in zip(figure.axes, PANELS, strict=True):
        (mark,) = [line for line in axis.lines if line not in lines(axis)]
        # 100 is the second of the sweep; 300 is half way from 100 to 500.
        assert list(mark.get_xdata()) == pytest.approx([1, 1] if model == "bloom-7b" else [1.5, 1.5])


def test_a_chosen_number_outside_the_sweep_is_neither_marked_nor_explained(measured, tmp_path):
    figure, _ = run(measured, tmp_path, chosen={"bloom-7b": 5001}, ks=[0, 100, 500, 5000])
    assert all(list(axis.lines) == lines(axis) for axis in figure.axes)
    assert "chosen number" not in legend(figure)


def test_the_caption_says_what_is_shown(default):
    shown = json.loads(default[1]["json"].read_text())
    for part in (
        "langid.py",
        "mean and range over 3 random seeds of 16 texts",
        "wikipedia",
        "standard error",
        "dashed",
    ):
        assert part in shown["caption"]


def test_the_caption_says_to_which_precision_perplexity_was_measured(measured, default, tmp_path):
    _, files = run(measured, tmp_path, standard_error=0.01)
    said = "drawn at random until that error, and that of the difference from the unintervened model, is at most 0.01"
    assert said in json.loads(files["json"].read_text())["caption"]
    assert "drawn at random" not in json.loads(default[1]["json"].read_text())["caption"]


def test_the_caption_says_which_models_write_no_text(measured, default, tmp_path):
    left_out = [{"name": "xlm-r", "label": "XLM-R", "architecture": "encoder"}]
    _, files = run(measured, tmp_path, left_out=left_out)
    caption = json.loads(files["json"].read_text())["caption"]
    assert caption.endswith(" Perplexity and generation are left out for XLM-R (an encoder).")
    assert "left out" not in json.loads(default[1]["json"].read_text())["caption"]


def test_each_of_many_targets_has_its_own_look():
    looks = drawing.looks([f"language {number}" for number in range(63)])
    assert len({(look["color"], look["marker"]) for look in looks.values()}) == len(looks) == 63
    first = list(looks.values())[:7]
    assert len({look["color"] for look in first}) == len({look["marker"] for look in first}) == 7


@pytest.mark.parametrize("targets", [3, 7, 12])
@pytest.mark.parametrize("models", [1, 2, 3])
def test_the_legend_is_about_as_wide_as_the_panels(targets, models):
    names = {f"x{chr(ord('a') + number)}": "Norwegian" for number in range(targets)}
    shown = [{"name": f"m{number}", "label": "Model", "seen": []} for number in range(models)]
    spec = figure_sweep.Spec(
        **{**SPEC, "models": shown, "targets": list(names), "names": names, "chosen": {"m0": 100}, "poolings": ["max"]}
    )
    keys = product([model["name"] for model in shown], ["max"], names, KS, figure_sweep.MEASURES)
    drawn = pd.DataFrame(keys, columns=["model", "pooling", "target", "k", "measure"])
    with drawing.style():
        figure = figure_sweep.draw(drawn.assign(value=0.5, low=0.4, high=0.6), spec)
        figure.draw_without_rendering()
        width = figure.legends[0].get_window_extent().width / figure.dpi
    assert 0.5 * figure.get_figwidth() < width < 1.1 * figure.get_figwidth()


def test_log_perplexity_without_a_known_error_is_drawn_without_a_band():
    keys = {"model": "aya-8b", "pooling": "max", "target": "es", "k": 0}
    leading = {**keys, "condition": "base", "units": "none"}
    seeds = pd.DataFrame([{**leading, "identifier": "langid", "sample_seed": 0, "accuracy": 0.5}])
    perplexity = pd.DataFrame([{**leading, "log_perplexity": 3.0, "log_perplexity_error": np.nan}])
    only = {"models": MODELS[1:], "poolings": ["max"], "targets": ["es"], "ks": [0], "seeds": [0]}
    drawn = figure_sweep.measurements(seeds, perplexity, figure_sweep.Spec(**{**SPEC, **only}))
    assert drawn[["value", "low", "high"]].to_numpy().tolist() == [[0.5, 0.5, 0.5], [3.0, 3.0, 3.0]]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seeds": [0, 9]}, "sample_seed 9"),
        ({"targets": ["es", "ja"]}, "target ja"),
        ({"ks": [0, 200]}, "k 200"),
        ({"poolings": ["last"]}, "pooling last"),
    ],
)
def test_a_missing_measurement_is_refused_by_name(measured, tmp_path, changed, named):
    with pytest.raises(StudyError, match=named):
        run(measured, tmp_path, **changed)
    assert not list(tmp_path.iterdir())


def test_equal_figures_are_equal_bytes_in_another_process(measured, default, tmp_path):
    environment = {**os.environ, "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "0"}
    python = [sys.executable, "-m", "workflow_scripts.figures.figure_sweep", *command(measured, tmp_path)]
    subprocess.run(python, check=True, env=environment, cwd=Path(__file__).parents[2])
    for suffix in SUFFIXES:
        assert default[1][suffix].read_bytes() == (tmp_path / f"figure.{suffix}").read_bytes(), suffix

"""Figures 4 and 5 from made-up retrieval: what is drawn, what is marked, what is written."""

import json
import os
import subprocess
import sys
from itertools import combinations, permutations, product
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from drawn import figure_by
from matplotlib.colors import to_rgb
from scipy import stats

from workflow_scripts.figures import drawing, figure_retrieval, figure_retrieval_change
from workflow_scripts.figures.retrieval_accuracies import RetrievalSpec
from workflow_scripts.interventions.conditions import Condition
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.queries import read_retrieved, write_retrieved

LANGUAGES = ["de", "en", "es", "ja", "th"]
MODELS = [
    {"name": "bloom-7b", "label": "Bloom-7B", "seen": ["en", "es"]},
    {"name": "aya-8b", "label": "Aya-8B", "seen": None},
]
SPEC = {
    "panels": [{"model": model, "target": "es", "title": model["label"]} for model in MODELS],
    "poolings": ["max", "mean"],
    "languages": LANGUAGES,
    "similarity": "cosine",
    "dataset": "flores",
    "names": {"es": "Spanish", "en": "English"},
    "resampling": {"resamples": 400, "seed": 5},
}
QUERIES = 50
SEEDS = [0, 1, 2]
STAGES = [figure_retrieval, figure_retrieval_change]
DRAWN = list(product(["max", "mean"], ["bloom-7b", "aya-8b"]))


def json_of(stage, **changed):
    """The stage's spec as JSON; the change of accuracy is shown of experts alone."""
    own = {"units": "expert", "seeds": []} if stage is figure_retrieval else {}
    return json.dumps({**SPEC, **own, **changed})


def spec_of(stage, **changed):
    spec = figure_retrieval.Spec if stage is figure_retrieval else RetrievalSpec
    return spec.model_validate_json(json_of(stage, **changed))


def of_target(target):
    return [{**panel, "target": target} for panel in SPEC["panels"]]


@pytest.fixture(scope="module")
def retrieval(tmp_path_factory):
    """What queries count under base, expert and random conditions, these with three seeds."""
    generator = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("retrieval")
    for model in MODELS:
        conditions = [("base", "none", None, None, None)]
        for target, pooling in product(["en", "es"], ["max", "mean"]):
            conditions.append((f"{target}-expert-{pooling}", "expert", target, pooling, None))
            conditions += [(f"{target}-random-{pooling}-s{s}", "random", target, pooling, s) for s in SEEDS]
        for condition, units, target, pooling, seed in conditions:
            found = {
                similarity: (generator.random((5, 5, QUERIES)) < generator.random((5, 5, 1))) / 1.0
                for similarity in ["cosine", "inner_product"]
            }
            found["cosine"][LANGUAGES.index("es"), LANGUAGES.index("de"), :2] = 0.5  # ties
            of = {"units": units, "target": target, "pooling": pooling, "seed": seed}
            done = Condition(name=condition, model=model["name"], **of)
            write_retrieved(folder / f"{model['name']}-{condition}.parquet", done, "flores", found, LANGUAGES)
    return sorted(folder.glob("*.parquet"))


def accuracy(retrieval, model, pooling, query, candidate, seed=None, target="es"):
    """Accuracy by cosine under an intervention (random units if there is a seed), without one if `pooling` is None."""
    return counted(retrieval, model, pooling, query, candidate, seed, target).mean()


def counted(retrieval, model, pooling, query, candidate, seed=None, target="es"):
    """What each query counts, likewise."""
    units = f"expert-{pooling}" if seed is None else f"random-{pooling}-s{seed}"
    condition = "base" if pooling is None else f"{target}-{units}"
    path = next(path for path in retrieval if path.stem == f"{model}-{condition}")
    frame = pd.read_parquet(path)
    row = (frame["similarity"] == "cosine") & (frame["query"] == query) & (frame["candidate"] == candidate)
    return frame.loc[row, "found"].item()


def command(stage, retrieval, folder, **changed):
    outputs = [f"--{suffix}={path}" for suffix, path in files_of(stage, folder).items()]
    return ["--spec", json_of(stage, **changed), "--retrieved", *map(str, retrieval), *outputs]


def files_of(stage, folder):
    return {suffix: folder / f"{stage.__name__.rpartition('.')[2]}.{suffix}" for suffix in drawing.OUTPUTS}


def run(stage, retrieval, folder, **changed):
    """Run a stage; the figure that it drew, and what it wrote."""
    return figure_by(stage.main, command(stage, retrieval, folder, **changed)), files_of(stage, folder)


@pytest.fixture(scope="module")
def default(retrieval, tmp_path_factory):
    """Figure and files of either stage with SPEC, in a process whose own settings are not the figures'."""
    with mpl.rc_context({"font.size": 30, "pdf.fonttype": 3}):
        return {stage: run(stage, retrieval, tmp_path_factory.mktemp("default")) for stage in STAGES}


def panels(figure, count=4):
    return figure.axes[:count]


def test_the_bars_of_figure_4_and_its_csv_are_the_accuracies(retrieval, default):
    figure, files = default[figure_retrieval]
    written = pd.read_csv(files["csv"], float_precision="round_trip").set_index(["model", "pooling", "candidate"])
    assert len(written) == 4 * 4
    assert set(written["query"]) == set(written["target"]) == {"es"}
    for axis, (pooling, model) in zip(panels(figure), DRAWN, strict=True):
        assert len(axis.containers) == 2
        for bars, space in zip(axis.containers, ["pre", "post"], strict=True):
            drawn = {LANGUAGES[round(bar.get_y() + bar.get_height() / 2)]: bar.get_width() for bar in bars}
            assert set(drawn) == set(LANGUAGES) - {"es"}
            for candidate, width in drawn.items():
                measured = accuracy(retrieval, model, pooling if space == "post" else None, "es", candidate)
                assert width == pytest.approx(measured, abs=1e-12)
                assert width == written.loc[(model, pooling, candidate), space]


def scipys(found):
    """The percentile interval of the mean over queries, by scipy, with the figures' resamples."""
    resampling = {"n_resamples": 400, "confidence_level": 0.95, "method": "percentile"}
    interval = stats.bootstrap((found,), np.mean, **resampling, rng=np.random.default_rng(5)).confidence_interval
    return interval.low, interval.high


def lines_of(axis):
    """The ends of horizontal lines by their height, of before and of after."""
    return [{round(line[0, 1], 3): tuple(line[:, 0]) for line in lines.get_segments()} for lines in axis.collections]


def test_the_lines_of_figure_4_are_scipys_bootstrap_over_queries(retrieval, default):
    figure, files = default[figure_retrieval]
    written = pd.read_csv(files["csv"], float_precision="round_trip").set_index(["model", "pooling", "candidate"])
    for axis, (pooling, model) in zip(panels(figure), DRAWN, strict=True):
        drawn = dict(zip(["pre", "post"], lines_of(axis), strict=True))
        for candidate in set(LANGUAGES) - {"es"}:
            for space, side in (("pre", -0.2), ("post", 0.2)):
                found = counted(retrieval, model, pooling if space == "post" else None, "es", candidate)
                ends = drawn[space][round(LANGUAGES.index(candidate) + side, 3)]
                assert ends == pytest.approx(scipys(found), abs=1e-9)
                row = written.loc[(model, pooling, candidate)]
                assert ends == (row[f"{space}_low"], row[f"{space}_high"])


def test_figure_5_marks_the_cells_whose_change_is_within_chance(retrieval, default):
    figure, files = default[figure_retrieval_change]
    within = 0
    for axis, (pooling, model) in zip(panels(figure), DRAWN, strict=True):
        (dots,) = axis.lines
        marked = {(LANGUAGES[int(y)], LANGUAGES[int(x)]) for x, y in dots.get_xydata()}
        expected = set()
        for query, candidate in permutations(LANGUAGES, 2):
            before, after = (counted(retrieval, model, which, query, candidate) for which in (None, pooling))
            low, high = scipys(after - before)
            if low <= 1e-9 and high >= -1e-9:
                expected.add((query, candidate))
        assert marked == expected
        within += len(marked)
    assert 0 < within < 80
    assert f"the {within} of 80 cells" in json.loads(files["json"].read_text())["caption"]


def test_a_reader_who_points_at_a_cell_of_figure_5_is_told_its_numbers(retrieval, default):
    figure, files = default[figure_retrieval_change]
    hover = json.loads(files["json"].read_text())["hover"]
    assert len(hover) == 4
    for panel, axis, (pooling, model) in zip(hover, panels(figure), DRAWN, strict=True):
        said = {tuple(mark[:2]): panel["texts"][mark[2]] for mark in np.reshape(panel["marks"], (-1, 3))}
        assert len(said) == 20
        pre, post = (accuracy(retrieval, model, which, "es", "en") for which in (None, pooling))
        text = said[1000 * 1.5 / 5, 1000 * 2.5 / 5]
        assert text.startswith(f"Spanish → English: {pre:.2f} to {post:.2f}, {post - pre:+.2f} [".replace("-", "−"))
        # Where the panel is in the image, from the left and the top.
        box, image = axis.get_window_extent(), figure.get_tightbbox().padded(0.03)
        left, top, width, height = panel["box"]
        assert left == pytest.approx((box.x0 / figure.dpi - image.x0) / image.width, abs=0.002)
        assert top == pytest.approx((image.y1 - box.y1 / figure.dpi) / image.height, abs=0.002)
        assert width * image.width == pytest.approx(height * image.height, rel=1e-3)


def test_figure_4_has_one_axis_of_values_and_says_which_language_is_the_query(default):
    figure, files = default[figure_retrieval]
    highest = pd.read_csv(files["csv"])[["pre", "post"]].max(axis=None)
    assert len({axis.get_xlim() for axis in panels(figure)}) == 1
    low, high = figure.axes[0].get_xlim()
    assert low == 0 and highest <= high <= 1
    for axis in panels(figure):
        (note,) = axis.texts
        assert note.get_text() == "query: Spanish" and note.xy == (0, LANGUAGES.index("es"))


def test_the_cells_of_figure_5_and_its_csv_are_the_changes(retrieval, default):
    figure, files = default[figure_retrieval_change]
    written = pd.read_csv(files["csv"], float_precision="round_trip")
    assert len(written) == 4 * 5 * 4
    written = written.set_index(["model", "pooling", "query", "candidate"])["change"]
    for axis, (pooling, model) in zip(panels(figure), DRAWN, strict=True):
        drawn = axis.collections[0].get_array().reshape(5, 5)
        assert np.array_equal(np.ma.getmaskarray(drawn), np.eye(5, dtype=bool))
        for (row, query), (column, candidate) in product(enumerate(LANGUAGES), enumerate(LANGUAGES)):
            if query != candidate:
                pre, post = (accuracy(retrieval, model, which, query, candidate) for which in (None, pooling))
                assert drawn[row, column] == pytest.approx(post - pre, abs=1e-12)
                assert drawn[row, column] == written[model, pooling, query, candidate]
        assert axis.yaxis_inverted()


def test_the_colours_of_figure_5_are_centred_on_zero_and_the_same_in_all_panels(default):
    figure, files = default[figure_retrieval_change]
    largest = pd.read_csv(files["csv"], float_precision="round_trip")["change"].abs().max()
    assert {axis.collections[0].get_clim() for axis in panels(figure)} == {(-largest, largest)}


def test_figure_5_outlines_row_and_column_of_the_target(default):
    figure, _ = default[figure_retrieval_change]
    for axis in panels(figure):
        assert {patch.get_bbox().bounds for patch in axis.patches} == {(0, 2, 5, 1), (2, 0, 1, 5)}


@pytest.mark.parametrize("stage", STAGES, ids=["figure4", "figure5"])
def test_no_change_at_all_can_be_drawn(retrieval, stage):
    spec = spec_of(stage)
    drawn = figure_retrieval.accuracies if stage is figure_retrieval else figure_retrieval_change.changes
    found = read_retrieved(retrieval, "cosine", LANGUAGES)
    found["found"] = [np.zeros(QUERIES)] * len(found)
    figure = stage.draw(drawn(found, spec), spec)
    low, high = figure.axes[0].get_xlim() if stage is figure_retrieval else figure.axes[0].collections[0].get_clim()
    assert low < high


@pytest.mark.parametrize("stage", STAGES, ids=["figure4", "figure5"])
def test_exactly_the_unseen_languages_are_red_and_have_an_asterisk(default, stage):
    figure, _ = default[stage]
    for axis, (_, model) in zip(panels(figure), DRAWN, strict=True):
        unseen = {"de", "ja", "th"} if model == "bloom-7b" else set()
        for labels in [axis.get_yticklabels()] + ([axis.get_xticklabels()] if stage is figure_retrieval_change else []):
            assert [label.get_text().rstrip("*") for label in labels] == LANGUAGES
            assert {label.get_text()[:2] for label in labels if label.get_text().endswith("*")} == unseen
            red = {label.get_text()[:2] for label in labels if to_rgb(label.get_color()) == to_rgb("#C00000")}
            assert red == unseen
    assert "red: not seen in pre-training" in [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("stage", STAGES, ids=["figure4", "figure5"])
def test_the_legend_explains_red_only_where_something_is_red(retrieval, tmp_path, stage):
    figure, _ = run(stage, retrieval, tmp_path, panels=SPEC["panels"][1:], poolings=["max"])
    assert not any("red" in text.get_text() for text in figure.legends[0].get_texts())


def test_panels_are_titled_by_model_and_by_pooling_if_there_are_several(retrieval, default):
    figure, _ = default[figure_retrieval]
    titles = ["Bloom-7B\nmax pooling", "Aya-8B\nmax pooling", "Bloom-7B\nmean pooling", "Aya-8B\nmean pooling"]
    assert [axis.get_title() for axis in panels(figure)] == titles
    spec = spec_of(figure_retrieval, poolings=["mean"])
    drawn = figure_retrieval.accuracies(read_retrieved(retrieval, "cosine", ["es"]), spec)
    assert [axis.get_title() for axis in figure_retrieval.draw(drawn, spec).axes] == ["Bloom-7B", "Aya-8B"]


@pytest.mark.parametrize("stage", STAGES, ids=["figure4", "figure5"])
def test_equal_figures_are_equal_bytes_whatever_the_process_and_its_settings(retrieval, default, tmp_path, stage):
    _, files = default[stage]
    assert files["pdf"].read_bytes().startswith(b"%PDF")
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    environment = {**os.environ, "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "0"}
    python = [sys.executable, "-m", stage.__name__, *command(stage, retrieval, tmp_path)]
    subprocess.run(python, check=True, env=environment, cwd=Path(__file__).parents[2])
    for suffix, path in files.items():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), suffix


@pytest.mark.parametrize("stage", STAGES, ids=["figure4", "figure5"])
@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"languages": [*LANGUAGES, "uk"]}, "candidate uk"),
        ({"panels": of_target("ja")}, "target ja"),
        ({"similarity": "margin"}, "similarity margin"),
    ],
)
def test_a_missing_accuracy_is_refused_by_name(retrieval, tmp_path, stage, changed, named):
    with pytest.raises(StudyError, match=named):
        run(stage, retrieval, tmp_path, **changed)
    assert not list(tmp_path.iterdir())


def test_bars_of_the_random_control_are_means_over_seeds_and_dots_their_range(retrieval, tmp_path):
    figure, files = run(figure_retrieval, retrieval, tmp_path, units="random", seeds=SEEDS)
    written = pd.read_csv(files["csv"], float_precision="round_trip").set_index(["model", "pooling", "candidate"])
    assert len(written) == 4 * 4
    for axis, (pooling, model) in zip(panels(figure), DRAWN, strict=True):
        pre, post = axis.containers
        low, high = ({LANGUAGES[int(y)]: x for x, y in dots.get_xydata()} for dots in axis.lines)
        widths = {
            LANGUAGES[round(bar.get_y() + bar.get_height() / 2)]: (bar.get_width(), other.get_width())
            for bar, other in zip(pre, post, strict=True)
        }
        assert set(widths) == set(low) == set(high) == set(LANGUAGES) - {"es"}
        for candidate, (before, after) in widths.items():
            by_seed = [accuracy(retrieval, model, pooling, "es", candidate, seed) for seed in SEEDS]
            assert before == pytest.approx(accuracy(retrieval, model, None, "es", candidate), abs=1e-12)
            assert after == pytest.approx(sum(by_seed) / len(by_seed), abs=1e-12)
            assert (low[candidate], high[candidate]) == pytest.approx((min(by_seed), max(by_seed)), abs=1e-12)
            row = written.loc[(model, pooling, candidate)]
            assert (row["pre"], row["post"]) == (before, after)
            assert (row["lowest"], row["highest"]) == (low[candidate], high[candidate])
            # Of what each query counts on average over the draws.
            of_draws = [counted(retrieval, model, pooling, "es", candidate, seed) for seed in SEEDS]
            ends = row["post_low"], row["post_high"]
            assert ends == pytest.approx(scipys(np.mean(of_draws, axis=0)), abs=1e-9)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "post-intervention on random neurons" in legend
    assert figure.axes[0].get_xlim()[1] >= min(1, written["highest"].max())


def test_a_seed_of_the_random_control_that_is_missing_is_refused_by_name(retrieval, tmp_path):
    with pytest.raises(StudyError, match="units random, seed 9"):
        run(figure_retrieval, retrieval, tmp_path, units="random", seeds=[*SEEDS, 9])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stage", STAGES, ids=["figure4", "figure5"])
def test_panels_of_one_model_may_be_of_different_targets(retrieval, tmp_path, stage):
    columns = [{"model": MODELS[1], "target": code, "title": SPEC["names"][code]} for code in ("es", "en")]
    figure, files = run(stage, retrieval, tmp_path, panels=columns, poolings=["max"])
    assert [axis.get_title() for axis in panels(figure, 2)] == ["Spanish", "English"]
    written = pd.read_csv(files["csv"], float_precision="round_trip")
    assert list(written["target"].unique()) == ["es", "en"]
    for axis, target in zip(panels(figure, 2), ["es", "en"], strict=True):
        post = accuracy(retrieval, "aya-8b", "max", target, "ja", target=target)
        if stage is figure_retrieval:
            (width,) = [bar.get_width() for bar in axis.containers[1] if round(bar.get_y()) == LANGUAGES.index("ja")]
            assert width == pytest.approx(post, abs=1e-12)
        else:
            row, column = LANGUAGES.index(target), LANGUAGES.index("ja")
            change = axis.collections[0].get_array().reshape(5, 5)[row, column]
            before = accuracy(retrieval, "aya-8b", None, target, "ja")
            assert change == pytest.approx(post - before, abs=1e-12)


@pytest.mark.parametrize("stage", STAGES, ids=["figure4", "figure5"])
def test_the_caption_says_what_was_measured_and_on_what(default, stage):
    _, files = default[stage]
    said = json.loads(files["json"].read_text())
    assert set(said) == {"title", "caption", "hover"}
    assert all(word in said["caption"] for word in ("cosine", "flores", "experts of Spanish"))


def test_the_caption_of_the_random_control_says_how_many_draws_there_were(retrieval, tmp_path):
    _, files = run(figure_retrieval, retrieval, tmp_path, units="random", seeds=SEEDS)
    said = json.loads(files["json"].read_text())
    assert "random" in said["title"] and "3 draws" in said["caption"]


@pytest.mark.parametrize("stage", STAGES, ids=["figure4", "figure5"])
def test_five_panels_of_22_languages_fit_the_width_of_a_page_with_text_that_can_be_read(stage):
    languages = ["en", "es", *(f"{letter}x" for letter in "abcdefghijklmnopqrst")]
    columns = [{"model": MODELS[1], "target": "es", "title": "Portuguese"}] * 5
    spec = spec_of(stage, panels=columns, languages=languages, poolings=["max"])
    if stage is figure_retrieval:
        keys = pd.concat([figure_retrieval.panel_accuracies(panel, spec) for panel in spec.panels[:1]])
        drawn = keys.assign(pre=0.2, pre_low=0.1, pre_high=0.3, post=0.9, post_low=0.8, post_high=1.0)
    else:
        drawn = spec.grid(query=languages, candidate=languages).drop_duplicates()
        drawn = drawn.assign(change=0.5, low=-0.1, high=0.9, pre=0.1, post=0.6)
    with drawing.style():
        figure = stage.draw(drawn, spec)
        figure.draw_without_rendering()
        assert figure.get_tightbbox().width <= drawing.PAGE_WIDTH
    texts = [text for text in figure.findobj(mpl.text.Text) if text.get_text() and text.get_visible()]
    assert len(texts) > 5 * 22
    assert min(text.get_fontsize() for text in texts) >= drawing.LEAST_TEXT
    panels_of = figure.axes[:5]
    assert all(axis.get_title() == "Portuguese" for axis in panels_of)
    boxes = [axis.get_window_extent() for axis in panels_of]
    for one, other in combinations(boxes, 2):
        assert not (one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1)

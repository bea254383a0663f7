"""The table and the figure of ABX scores from made-up metric CSVs."""

import json
from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.markers import MarkerStyle

from workflow_scripts.config.sections import Resampling
from workflow_scripts.figures import drawing, figure_abx, figure_abx_pairs
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.averages import average_over_pairs
from workflow_scripts.tables import layout, table_abx

LANGUAGES = ["de", "en", "es", "ja"]
MODELS = ["bloom-7b", "aya-8b"]
TASKS = ["language", "meaning"]
TABLE = {
    "models": [{"name": "bloom-7b", "label": "Bloom-7B"}, {"name": "aya-8b", "label": "Aya-8B"}],
    "poolings": ["max"],
    "targets": ["es", "en"],
    "languages": LANGUAGES,
    "dataset": "flores",
    "seeds": [],
    "resampling": {"resamples": 400, "confidence": 0.9, "seed": 3},
}
MODEL = {"name": "aya-8b", "label": "Aya-8B", "seen": ["de", "en", "es"]}
FIGURE = {
    "panels": [
        {"model": MODEL, "target": "es", "title": "Spanish"},
        {"model": MODEL, "target": "en", "title": "English"},
    ],
    "poolings": ["max", "mean"],
    "languages": LANGUAGES,
    "dataset": "flores",
    "names": {"es": "Spanish", "en": "English"},
}


@pytest.fixture
def metrics(tmp_path):
    """Scores by model, target, pooling and task, each [languages, languages], and the CSVs that hold them."""
    generator = np.random.default_rng(0)
    scores, paths = {}, []
    conditions = [(None, None, None), *product(["es", "en"], ["max", "mean"], [None, 0, 5])]
    for model, (target, pooling, seed) in product(MODELS, conditions):
        units = "none" if target is None else "expert" if seed is None else "random"
        name = f"{target}-{units}-{pooling}-s{seed}" if target else "base"
        leading = {"model": model, "condition": name, "method": "force", "units": units}
        leading |= {"target": target, "pooling": pooling, "k": 9, "seed": seed, "dataset": "flores"}
        rows = []
        for task in TASKS:
            # Language discrimination falls under the intervention on Spanish by far more than languages differ.
            shift = 0.4 if (target, task) == ("es", "language") else 0
            of_task = generator.uniform(0.5, 0.6, (4, 4)) + (0 if shift else 0.4)
            scores[(model, target, pooling, task) if seed is None else (model, target, pooling, task, seed)] = of_task
            for first, second in permutations(range(4), 2):
                pair = {"first": LANGUAGES[first], "second": LANGUAGES[second], "score": of_task[first, second]}
                rows.append({**leading, "layer": "last", "task": task, "sentences": 50, **pair})
        paths.append(tmp_path / f"{model}-{name}.csv")
        pd.DataFrame(rows).to_csv(paths[-1], index=False)
    return scores, paths


def mean_over_pairs(scores):
    return np.mean([scores[first, second] for first, second in permutations(range(4), 2)])


def run_table(folder, metrics, **changed):
    files = {name: folder / f"abx.{name}" for name in ("csv", "markdown", "latex", "json")}
    options = [item for name, path in files.items() for item in (f"--{name}", str(path))]
    table_abx.main(["--spec", json.dumps({**TABLE, **changed}), "--abx", *map(str, metrics[1]), *options])
    return pd.read_csv(files["csv"]), layout.read(files["json"]), files


def test_the_table_has_macro_averages_and_the_interval_of_their_difference(tmp_path, metrics):
    scores, _ = metrics
    tidy, *_ = run_table(tmp_path, metrics, poolings=["max", "mean"])
    assert len(tidy) == 2 * 2 * 2 * 2
    for row in tidy.itertuples():
        pre = scores[row.model, None, None, row.task]
        post = scores[row.model, row.target, row.pooling, row.task]
        assert (row.pre, row.post) == pytest.approx((mean_over_pairs(pre), mean_over_pairs(post)))
        expected = average_over_pairs(post - pre, Resampling(resamples=400, confidence=0.9, seed=3))
        assert row.change == pytest.approx(row.post - row.pre) == pytest.approx(expected.mean)
        assert (row.ci_low, row.ci_high) == pytest.approx((expected.ci_low, expected.ci_high))
        assert (row.languages, row.resamples) == (4, expected.resamples)
        assert 300 < row.resamples < 400  # less those of one language alone


def test_the_shown_table_has_a_row_for_each_model_and_target_and_is_gray_where_nothing_is_said(tmp_path, metrics):
    tidy, shown, files = run_table(tmp_path, metrics)
    assert [[cell.text for cell in row[:2]] for row in shown.rows] == [
        *(["Bloom-7B", "es"], ["Bloom-7B", "en"], ["Aya-8B", "es"], ["Aya-8B", "en"])
    ]
    labels = {"Bloom-7B": "bloom-7b", "Aya-8B": "aya-8b"}
    tidy = tidy.set_index(["model", "target", "task"])
    for row in shown.rows:
        for task, (pre, post, change) in zip(TASKS, (row[2:5], row[5:8]), strict=True):
            expected = tidy.loc[(labels[row[0].text], row[1].text, task)]
            assert (pre.text, post.text) == (f"{expected['pre']:.3f}", f"{expected['post']:.3f}")
            numbers = [f"{expected[name]:z.3f}" for name in ("change", "ci_low", "ci_high")]
            assert change.text == "{} [{} {}]".format(*numbers)
            assert change.gray == (expected["ci_low"] <= 0 <= expected["ci_high"])
    assert {row[4].gray for row in shown.rows if row[1].text == "es"} == {False}
    assert any(row[7].gray for row in shown.rows)
    assert "12 ordered pairs of 4 languages" in shown.caption and "90% bootstrap" in shown.caption
    assert r"\textcolor{gray}" in files["latex"].read_text()


def test_beside_the_scores_are_those_under_random_neurons_the_mean_over_draws(tmp_path, metrics):
    scores, _ = metrics
    tidy, shown, _ = run_table(tmp_path, metrics, seeds=[0, 5])
    for row in tidy.itertuples():
        draws = [mean_over_pairs(scores[row.model, row.target, "max", row.task, seed]) for seed in (0, 5)]
        assert draws[0] != draws[1]
        assert row.random == pytest.approx(np.mean(draws))
    assert [column.text for column in shown.columns[2:]] == ["Pre", "Post", "Change", "Random"] * 2
    first = tidy[(tidy["model"] == "bloom-7b") & (tidy["target"] == "es")].set_index("task")["random"]
    assert [shown.rows[0][5].text, shown.rows[0][9].text] == [f"{first[task]:.3f}" for task in TASKS]
    assert "with as many random neurons, the mean over 2 draws" in shown.caption
    without, other, _ = run_table(tmp_path, metrics)
    assert without["random"].isna().all() and len(other.columns) == len(shown.columns) - 2
    assert "random neurons" not in other.caption
    with pytest.raises(StudyError, match=r"ABX scores under random neurons lack .* seed 1"):
        run_table(tmp_path, metrics, seeds=[0, 1])


def test_two_languages_have_no_interval(tmp_path, metrics):
    tidy, shown, _ = run_table(tmp_path, metrics, languages=["es", "en"])
    assert tidy[["ci_low", "ci_high"]].isna().all(axis=None)
    assert shown.rows[0][4].text == f"{tidy['change'][0]:.3f}" and "bootstrap" not in shown.caption


def test_a_missing_pair_is_named(tmp_path, metrics):
    with pytest.raises(StudyError, match=r"ABX scores lack .* second th"):
        run_table(tmp_path, metrics, languages=["de", "th"])


def run_figure(folder, metrics, monkeypatch, stage=figure_abx, **changed):
    """The figure that is drawn, and its CSV."""
    drawn, save = {}, drawing.save
    monkeypatch.setattr(drawing, "save", lambda figure, *rest: (drawn.update(figure=figure), save(figure, *rest)))
    files = {name: folder / f"abx.{name}" for name in ("pdf", "png", "csv", "json")}
    options = [item for name, path in files.items() for item in (f"--{name}", str(path))]
    stage.main(["--spec", json.dumps({**FIGURE, **changed}), "--abx", *map(str, metrics[1]), *options])
    assert all(path.stat().st_size > 0 for path in files.values())
    return drawn["figure"], pd.read_csv(files["csv"], float_precision="round_trip")


def marks_of(axis):
    """What is drawn but the lines between the marks."""
    return [drawn for drawn in axis.collections if isinstance(drawn, PathCollection)]


def test_the_marks_are_the_means_over_a_languages_pairs_in_both_orders(tmp_path, metrics, monkeypatch):
    scores, _ = metrics
    figure, written = run_figure(tmp_path, metrics, monkeypatch)
    assert len(written) == 2 * 2 * 2 * 4
    written = written.set_index(["pooling", "target", "task", "language"])
    for axis, (pooling, target) in zip(figure.axes, product(["max", "mean"], ["es", "en"]), strict=False):
        marks = {}
        for points in marks_of(axis):
            colour = tuple(points.get_facecolor()[0][:3])
            space = {to_rgb(drawing.PRE_COLOUR): "pre", to_rgb(drawing.POST_COLOUR): "post"}[colour]
            for x, y in points.get_offsets():
                task = TASKS[int(y > round(y))]  # language above the row, meaning below it
                marks[task, LANGUAGES[round(y)], space] = x
        assert len(marks) == 2 * 4 * 2
        for (task, language, space), x in marks.items():
            condition = (target, pooling) if space == "post" else (None, None)
            of_task, here = scores[("aya-8b", *condition, task)], LANGUAGES.index(language)
            others = [other for other in range(4) if other != here]
            expected = np.mean([of_task[here, others], of_task[others, here]])
            assert x == pytest.approx(expected)
            assert x == written.loc[(pooling, target, task, language), space]


def test_tasks_have_their_own_marks_and_unseen_languages_and_the_target_are_marked(tmp_path, metrics, monkeypatch):
    figure, _ = run_figure(tmp_path, metrics, monkeypatch)
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["de", "en", "es", "ja*"]
    assert [label.get_fontweight() == "bold" for label in axis.get_yticklabels()] == [False, False, True, False]
    legend = figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == [
        *("language discrimination", "meaning discrimination", "pre-intervention", "post-intervention"),
        "red: not seen in pre-training",
    ]
    shapes = [points.get_paths()[0].vertices.tolist() for points in marks_of(axis)]
    circle, diamond = (MarkerStyle(mark) for mark in ("o", "D"))
    expected = [mark.get_path().transformed(mark.get_transform()).vertices.tolist() for mark in (circle, diamond)]
    assert shapes == [expected[0]] * 2 + [expected[1]] * 2


def test_the_cells_of_pairs_are_changes_of_language_below_and_of_meaning_above_the_diagonal(
    tmp_path, metrics, monkeypatch
):
    scores, _ = metrics
    figure, written = run_figure(tmp_path, metrics, monkeypatch, figure_abx_pairs)
    assert len(written) == 2 * 2 * 2 * 6
    largest = written["change"].abs().max()
    written = written.set_index(["pooling", "target", "task", "first", "second"])["change"]
    for axis, (pooling, target) in zip(figure.axes, product(["max", "mean"], ["es", "en"]), strict=False):
        (mesh,) = axis.collections
        drawn = mesh.get_array().reshape(4, 4)
        assert np.array_equal(np.ma.getmaskarray(drawn), np.eye(4, dtype=bool))
        assert mesh.get_clim() == (-largest, largest)
        assert axis.yaxis_inverted()
        for row, column in permutations(range(4), 2):
            task = "language" if row > column else "meaning"
            change = scores["aya-8b", target, pooling, task] - scores["aya-8b", None, None, task]
            assert drawn[row, column] == pytest.approx((change[row, column] + change[column, row]) / 2)
            pair = (LANGUAGES[min(row, column)], LANGUAGES[max(row, column)])
            assert drawn[row, column] == written[(pooling, target, task, *pair)]


@pytest.mark.parametrize("score", [np.nan, 0.5])
def test_undefined_scores_and_no_change_can_be_drawn(tmp_path, metrics, monkeypatch, score):
    for path in metrics[1]:
        pd.read_csv(path).assign(score=score).to_csv(path, index=False)
    figure, written = run_figure(tmp_path, metrics, monkeypatch)
    assert written[["pre", "post"]].isna().all(axis=None) == np.isnan(score)
    assert figure.axes[0].get_xlim() == ((0, 1.03) if np.isnan(score) else (0.47, 1.03))
    figure, _ = run_figure(tmp_path, metrics, monkeypatch, figure_abx_pairs)
    assert figure.axes[0].collections[0].get_clim() == (-1, 1)

"""Tables and figures by layer and by step of the training, from made-up metric CSVs."""

import json
from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.config.sections import Resampling
from workflow_scripts.figures import drawing, figure_abx_map, figure_checkpoints, figure_layers
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures.averages import average_over_pairs
from workflow_scripts.measures.compared import COMPARED, read_compared
from workflow_scripts.tables import layout, table_checkpoints, table_layers

LANGUAGES = ["de", "en", "es", "ja"]
LAYERS = ["0", "2", "last"]
COMMON = {"languages": LANGUAGES, "pivot": "en", "pivot_name": "English", "dataset": "flores"}
BOOTSTRAP = {"resampling": {"resamples": 400, "confidence": 0.9, "seed": 3}}
MODEL = {"name": "demo", "label": "Demo"}
TABLE = {
    "models": [{"model": MODEL, "layers": LAYERS}],
    "poolings": ["max"],
    "targets": ["es", "en"],
    "control": "es",
    "control_seed": 7,
    **COMMON,
    **BOOTSTRAP,
}
STEPS = [["demo-step0", 0], ["demo-step100", 100], ["demo", 450]]
CHECKPOINTS = {"models": [{"model": MODEL, "steps": STEPS}], "layer": "last", **COMMON, **BOOTSTRAP}
SHOWN = {"model": MODEL, "pivot_name": "English", "dataset": "flores"}
FIGURE = {**SHOWN, "layers": LAYERS, "poolings": ["max"], "targets": ["es", "en"], "control": "es"}
FIGURE["names"] = {"es": "Spanish", "en": "English"}
FIGURE_OF_STEPS = {**SHOWN, "steps": [0, 100, 450], "confidence": 0.9}
CONDITIONS = [("none", None, None), *product(["expert"], ["es", "en"], [None]), ("random", "es", 7)]


def write(folder, generator, model, units, target, seed, layer):
    """Write alignment.csv and abx.csv of a condition and layer; the values by measure, [languages, languages]."""
    condition = "-".join(filter(None, [target, units, str(seed)]))
    leading = {"model": model, "condition": condition, "method": "force", "units": units, "target": target}
    leading |= {"pooling": "max" if target else None, "k": 9, "seed": seed, "dataset": "flores", "layer": layer}
    values = {name: generator.uniform(size=(4, 4)) for name in COMPARED}
    values["mexa"] = (values["mexa"] + values["mexa"].T) / 2
    rows = {"alignment": [], "abx": []}
    for name, compared in COMPARED.items():
        for one, other in permutations(range(4), 2):
            pair = (LANGUAGES[one], LANGUAGES[other])
            value = values[name][one, other]
            if compared.metric == "abx":
                rows["abx"].append(
                    {**leading, **compared.rows, "first": pair[0], "second": pair[1], "sentences": 9, "score": value}
                )
                continue
            for space in ["pre"] if units == "none" else ["post", "constant"]:
                observed = value if space != "constant" else -5.0
                of_pair = {"query": pair[0], "candidate": pair[1], "value": observed}
                rows["alignment"].append({**leading, "space": space, **compared.rows, **of_pair})
    rows["alignment"].append({**rows["alignment"][0], "measure": "rsa"})  # which is not compared
    where = folder / model / condition / layer
    where.mkdir(parents=True)
    for name, of_name in rows.items():
        pd.DataFrame(of_name).to_csv(where / f"{name}.csv", index=False)
    return values


@pytest.fixture
def layered(tmp_path):
    """Values by units, target, layer and measure; the CSVs that hold them lie in the folder."""
    generator = np.random.default_rng(0)
    return {
        (units, target, layer): write(tmp_path, generator, "demo", units, target, seed, layer)
        for units, target, seed in CONDITIONS
        for layer in LAYERS
    }


def tabulate(stage, folder, spec):
    outputs = {name: folder / f"table.{name}" for name in layout.OUTPUTS}
    options = [item for name, path in outputs.items() for item in (f"--{name}", str(path))]
    paths = [str(path) for path in sorted(folder.rglob("*.csv")) if path != outputs["csv"]]
    stage.main(["--spec", json.dumps(spec), "--metrics", *paths, *options])
    return pd.read_csv(outputs["csv"], dtype={"layer": str}), layout.read(outputs["json"]), outputs["csv"]


def mean_of_pairs(values, measure):
    """Over all ordered pairs, of MEXA over those with English."""
    pairs = permutations(range(4), 2) if measure != "mexa" else [(row, 1) for row in (0, 2, 3)]
    return np.mean([values[pair] for pair in pairs])


def test_the_table_has_every_condition_layer_and_measure(tmp_path, layered):
    tidy, shown, _ = tabulate(table_layers, tmp_path, TABLE)
    assert len(tidy) == 4 * (3 * 7 + 2)
    rows = tidy.fillna({"target": "-"}).set_index(["units", "target", "layer", "measure"]).sort_index()
    for layer, measure in product(LAYERS, COMPARED):
        pre = layered["none", None, layer][measure]
        assert rows.loc[("none", "-", layer, measure), "value"] == pytest.approx(mean_of_pairs(pre, measure))
        assert np.isnan(rows.loc[("none", "-", layer, measure), "change"])
        for units in ("expert", "random"):
            post = layered[units, "es", layer][measure]
            row = rows.loc[(units, "es", layer, measure)]
            assert row["value"] == pytest.approx(mean_of_pairs(post, measure))
            assert row["change"] == pytest.approx(mean_of_pairs(post - pre, measure))
            assert row["ci_low"] < row["change"] < row["ci_high"]
            if measure != "mexa":
                expected = average_over_pairs(post - pre, Resampling(resamples=400, confidence=0.9, seed=3))
                assert (row["ci_low"], row["ci_high"]) == pytest.approx((expected.ci_low, expected.ci_high))
    assert [cell.text for cell in shown.rows[1][:3]] == ["Demo", "0", "es"]
    last = rows.loc[("expert", "es", "0", "distance")]
    assert shown.rows[1][3].text == f"{last['value']:.3f}"
    assert shown.rows[1][3].gray == bool(last["ci_low"] <= 0 <= last["ci_high"])
    assert len(shown.rows) == 4 * (3 + 2)


def test_mexa_is_pooled_over_layers_language_by_language(tmp_path, layered):
    tidy, shown, _ = tabulate(table_layers, tmp_path, TABLE)
    rows = tidy[tidy["measure"] == "mexa"].fillna({"target": "-"}).set_index(["units", "target", "layer"])["value"]

    def by_language(units, target):
        return np.array([[layered[units, target, layer]["mexa"][row, 1] for layer in LAYERS] for row in (0, 2, 3)])

    assert rows["none", "-", "mean"] == pytest.approx(by_language("none", None).mean())
    assert rows["expert", "es", "max"] == pytest.approx(np.mean([max(of) for of in by_language("expert", "es")]))
    pooled = [row for row in shown.rows if row[1].text == "max of layers"]
    assert [cell.text != "–" for cell in pooled[0][3:]] == [name == "mexa" for name in COMPARED]


def test_without_a_control_or_with_several_poolings_the_table_says_so(tmp_path, layered):
    _, shown, _ = tabulate(table_layers, tmp_path, {**TABLE, "control": None, "control_seed": None})
    assert {row[2].text for row in shown.rows} == {"pre", "es", "en"} and "random" not in shown.caption
    with pytest.raises(StudyError, match=r"The measures lack .* pooling mean"):
        tabulate(table_layers, tmp_path, {**TABLE, "poolings": ["max", "mean"]})
    with pytest.raises(StudyError, match=r"The measures lack 84 of 336 rows .* layer 1"):
        tabulate(table_layers, tmp_path, {**TABLE, "models": [{"model": MODEL, "layers": [*LAYERS, "1"]}]})


def test_another_metric_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"distances\.csv is none of alignment\.csv, abx\.csv; leave it out"):
        read_compared([tmp_path / "distances.csv"])


def drawn_figure(monkeypatch, stage, folder, spec, option, table):
    saved = []
    save = drawing.save
    monkeypatch.setattr(drawing, "save", lambda figure, *rest: (saved.append(figure), save(figure, *rest)))
    outputs = {name: folder / f"figure.{name}" for name in drawing.OUTPUTS}
    options = [item for name, path in outputs.items() for item in (f"--{name}", str(path))]
    stage.main(["--spec", json.dumps(spec), f"--{option}", str(table), *options])
    return saved[0], pd.read_csv(outputs["csv"], dtype={"layer": str}), json.loads(outputs["json"].read_text())


def lines(figure, title):
    (axis,) = [axis for axis in figure.axes if axis.get_title() == title]
    return axis, [line for line in axis.get_lines() if len(line.get_xdata()) > 2]


def test_the_figure_has_a_line_for_each_condition_through_its_layers(tmp_path, layered, monkeypatch):
    tidy, _, table = tabulate(table_layers, tmp_path, TABLE)
    figure, drawn, said = drawn_figure(monkeypatch, figure_layers, tmp_path, FIGURE, "layers", table)
    assert len(drawn) == 4 * 3 * 7
    axis, (pre, control, *experts) = lines(figure, "MEXA")
    assert [label.get_text() for label in axis.get_xticklabels()] == LAYERS
    values = tidy[tidy["measure"] == "mexa"].set_index(["units", "layer"])["value"].sort_index()
    for line, units in ((pre, "none"), (control, "random")):
        assert line.get_ydata() == pytest.approx([values[units, layer].item() for layer in LAYERS])
    assert control.is_dashed() and not pre.is_dashed()
    of_spanish = [mean_of_pairs(layered["expert", "es", layer]["mexa"], "mexa") for layer in LAYERS]
    assert experts[0].get_ydata() == pytest.approx(of_spanish)
    assert len({line.get_color() for line in experts}) == len({line.get_marker() for line in experts}) == 2
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["pre-intervention", "random neurons, Spanish", "Spanish", "English"]
    assert "pairs with English" in said["caption"]
    without = {**FIGURE, "control": None, "layers": ["2", "last"]}
    figure, drawn, _ = drawn_figure(monkeypatch, figure_layers, tmp_path, without, "layers", table)
    assert set(drawn["units"]) == {"none", "expert"} and set(drawn["layer"]) == {"2", "last"}


def test_steps_are_tabulated_and_drawn_in_their_order(tmp_path, monkeypatch):
    generator = np.random.default_rng(1)
    values = {step: write(tmp_path, generator, name, "none", None, None, "last") for name, step in STEPS}
    tidy, shown, table = tabulate(table_checkpoints, tmp_path, CHECKPOINTS)
    assert tidy["step"].unique().tolist() == [0, 100, 450]
    rows = tidy.set_index(["step", "measure"])
    for step, measure in product(values, COMPARED):
        row = rows.loc[(step, measure)]
        assert row["value"] == pytest.approx(mean_of_pairs(values[step][measure], measure))
        assert row["ci_low"] < row["value"] < row["ci_high"]
    assert [row[1].text for row in shown.rows] == ["0", "100", "450"]
    row = rows.loc[(450, "abx_meaning")]
    assert shown.rows[2][-1].text == "{:.3f} [{:.3f} {:.3f}]".format(*row[["value", "ci_low", "ci_high"]])
    figure, drawn, _ = drawn_figure(monkeypatch, figure_checkpoints, tmp_path, FIGURE_OF_STEPS, "checkpoints", table)
    assert len(drawn) == 3 * 7
    axis, (line,) = lines(figure, "ABX, language")
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0", "100", "450"]
    assert line.get_ydata() == pytest.approx(rows.loc[(slice(None), "abx_language"), "value"].to_numpy())


def test_the_map_has_the_mean_score_of_each_layer_and_step(tmp_path, monkeypatch):
    generator = np.random.default_rng(2)
    values = {
        (layer, step): write(tmp_path, generator, name, "none", None, None, layer)
        for (name, step), layer in product(STEPS, LAYERS)
    }
    saved, save = [], drawing.save
    monkeypatch.setattr(drawing, "save", lambda figure, *rest: (saved.append(figure), save(figure, *rest)))
    outputs = {suffix: tmp_path / f"map.{suffix}" for suffix in ("pdf", "png", "csv", "json")}
    options = [item for suffix, path in outputs.items() for item in (f"--{suffix}", str(path))]
    spec = {"model": MODEL, "layers": LAYERS, "steps": STEPS, "languages": LANGUAGES, "dataset": "flores"}
    files = [str(path) for path in tmp_path.rglob("abx.csv")]
    figure_abx_map.main(["--spec", json.dumps(spec), "--abx", *files, *options])
    drawn = pd.read_csv(outputs["csv"], dtype={"layer": str}).set_index(["task", "layer", "step"])["score"]
    assert len(drawn) == 2 * 3 * 3
    assert [label.get_text() for label in saved[0].axes[0].get_yticklabels()] == LAYERS
    for axis, task in zip(saved[0].axes, ("language", "meaning"), strict=False):
        assert axis.get_title() == task.capitalize()
        assert [label.get_text() for label in axis.get_xticklabels()] == ["0", "100", "450"]
        cells = axis.collections[0].get_array().reshape(3, 3)
        texts = {text.get_position(): text.get_text() for text in axis.texts}
        for (row, layer), (column, (_, step)) in product(enumerate(LAYERS), enumerate(STEPS)):
            of_pairs = [values[layer, step][f"abx_{task}"][pair] for pair in permutations(range(4), 2)]
            assert cells[row, column] == drawn[task, layer, step] == pytest.approx(np.mean(of_pairs))
            assert texts[column + 0.5, row + 0.5] == f"{np.mean(of_pairs):.2f}"
    with pytest.raises(StudyError, match=r"ABX scores lack .* layer 1"):
        figure_abx_map.main(["--spec", json.dumps({**spec, "layers": ["0", "1"]}), "--abx", *files, *options])


def test_two_languages_have_no_interval(tmp_path):
    for name, _ in STEPS:
        write(tmp_path, np.random.default_rng(1), name, "none", None, None, "last")
    tidy, shown, _ = tabulate(table_checkpoints, tmp_path, {**CHECKPOINTS, "languages": ["en", "es"]})
    assert tidy[["ci_low", "ci_high"]].isna().all(axis=None)
    assert "[" not in shown.rows[0][2].text

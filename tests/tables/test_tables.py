"""Tables 1, 2, 3 and 5 from made-up metric CSVs, how a table is rendered, and how metrics are read."""

import csv
import io
import json
import math
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.measures import metric_files
from workflow_scripts.tables import layout, table_correlations, table_distances, table_paraphrase

MODELS = [{"name": "bloom-7b", "label": "Bloom-7B"}, {"name": "aya-8b", "label": "Aya <b>8B &amp; co_"}]
LANGUAGES = ["de", "en", "es", "ja", "th"]
TARGETS = ["en", "es", "ja"]
FORMATS = {"csv": "csv", "markdown": "md", "latex": "tex", "json": "json"}


def conditions(poolings):
    """The leading columns of every condition of every model: base, experts and a random control."""
    for model in (model["name"] for model in MODELS):
        yield {"model": model, "condition": "base", "method": "none", "units": "none", "k": 0}
        for target, pooling, units in product(TARGETS, poolings, ["expert", "random"]):
            seed = {"seed": 0} if units == "random" else {}
            condition = f"{target}-{units}-{pooling}-k9"
            named = {"model": model, "condition": condition, "method": "force", "units": units, "k": 9}
            yield {**named, "target": target, "pooling": pooling, **seed}


def distance_rows(poolings, generator):
    for condition in conditions(poolings):
        for query, candidate, measure in product(LANGUAGES, LANGUAGES, ["pairs", "means"]):
            if query != candidate:
                observation = {"measure": measure, "query": query, "candidate": candidate, "value": generator.random()}
                yield {**condition, "dataset": "flores", **observation}


def medoid_rows(poolings, generator):
    for condition in conditions(poolings):
        for language, medoid in product(LANGUAGES, ["sentence", "centroid"]):
            yield {
                **condition,
                "dataset": "flores",
                "medoid": medoid,
                "language": language,
                "value": generator.random(),
            }


def paraphrase_rows(poolings, generator):
    for condition in conditions(poolings):
        for similarity, space in product(["cosine", "inner_product"], ["pre", "post", "mixed"]):
            if condition["units"] != "none":
                observation = {"similarity": similarity, "language": condition["target"], "space": space}
                yield {**condition, **observation, "pairs": 7, "accuracy": generator.random()}


def correlation_rows(poolings, generator):
    readings = list(product(["cosine", "inner_product"], ["pairs", "means"], ["seen", "all"]))
    for condition in conditions(poolings):
        for (similarity, measure, candidates_set), name in product(readings, table_correlations.CORRELATIONS):
            if condition["units"] != "none":
                reading = {"similarity": similarity, "measure": measure, "candidates_set": candidates_set}
                low, r, high = sorted(generator.uniform(-1, 1, 3))
                values = {"r": r, "ci_low": low, "ci_high": high, "p_value": generator.uniform(0, 0.1)}
                named = {"query": condition["target"], "correlation": name, "candidates": 4, "resamples": 1000}
                yield {**condition, **reading, **named, **values}


def write_metrics(folder, name, rows):
    """One CSV a condition, as the workflow has them; their paths."""
    frame = pd.DataFrame(rows)
    paths = []
    for (model, condition), part in frame.groupby(["model", "condition"], sort=False):
        path = folder / model / condition / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        part.to_csv(path, index=False)
        paths.append(str(path))
    return frame, paths


def run(module, folder, spec, **inputs):
    """Run a stage on metric CSVs; the four files that it writes, as text."""
    outputs = {name: folder / f"table.{suffix}" for name, suffix in FORMATS.items()}
    command = ["--spec", json.dumps({"models": MODELS, **spec})]
    for name, paths in inputs.items():
        command += [f"--{name}", *paths]
    for name, path in outputs.items():
        command += [f"--{name}", str(path)]
    module.main(command)
    return {name: path.read_text() for name, path in outputs.items()}


def table_of(text):
    """The rows of the CSV text."""
    return list(csv.DictReader(io.StringIO(text)))


def markdown_rows(text):
    """Cells of the body of the one Markdown table in a text."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def shown_rows(text):
    """The body of the table in a text of JSON, one (text, gray) a cell."""
    return [[(cell["text"], cell["gray"]) for cell in row] for row in json.loads(text)["rows"]]


# --- Table 1 ---

TABLE1 = {"poolings": ["max"], "targets": TARGETS, "languages": LANGUAGES, "measure": "pairs", "medoid": "sentence"}


@pytest.fixture
def distances(tmp_path):
    generator = np.random.default_rng(0)
    frame, paths = write_metrics(tmp_path, "distances", distance_rows(["max", "mean"], generator))
    medoids, medoid_paths = write_metrics(tmp_path, "medoid", medoid_rows(["max", "mean"], generator))
    return SimpleNamespace(folder=tmp_path, frame=frame, medoids=medoids, paths=paths, medoid_paths=medoid_paths)


def run_table1(distances, **changed):
    inputs = {"distances": distances.paths, "medoid": distances.medoid_paths}
    return run(table_distances, distances.folder, {**TABLE1, **changed}, **inputs)


def observed(frame, *names):
    """Values by model, target and pooling (None without an intervention) and the named columns."""
    values = {}
    for row in frame.to_dict("records"):
        if row["units"] != "random":
            intervention = (row["target"], row["pooling"]) if row["units"] == "expert" else (None, None)
            key = (row["model"], *intervention, *(row[name] for name in names))
            assert key not in values
            values[key] = row["value"]
    return values


def reference_table1(distances, pooling):
    """Table 1 by loops over languages and targets."""
    distance = observed(distances.frame, "measure", "query", "candidate")
    to_medoid = observed(distances.medoids, "medoid", "language")
    for model, space in product((model["name"] for model in MODELS), ["pre", "post"]):
        values = {name: [] for name in ("all", "target_medoid", "other_medoid", "to_target")}
        for target in TARGETS:
            where = (model, None, None) if space == "pre" else (model, target, pooling)
            others = [language for language in LANGUAGES if language != target]
            pairs = [(*where, "pairs", a, b) for a in LANGUAGES for b in LANGUAGES if a != b]
            values["all"].append(mean(distance[pair] for pair in pairs))
            values["target_medoid"].append(to_medoid[(*where, "sentence", target)])
            values["other_medoid"].append(mean(to_medoid[(*where, "sentence", language)] for language in others))
            values["to_target"].append(mean(distance[(*where, "pairs", target, language)] for language in others))
        for name, role, metric in (
            ("target_medoid", "target", "distance_to_medoid"),
            ("all", "non_target", "distance_all_languages"),
            ("other_medoid", "non_target", "distance_to_medoid"),
            ("to_target", "non_target", "distance_to_target"),
        ):
            error = stdev(values[name]) / math.sqrt(len(TARGETS))
            yield (model, pooling, role, metric, space), mean(values[name]), error


def test_table_1_is_what_loops_over_the_metrics_give(distances):
    written = {
        (row["model"], row["pooling"], row["role"], row["metric"], row["space"]): row
        for row in table_of(run_table1(distances, poolings=["max", "mean"])["csv"])
    }
    expected = [*reference_table1(distances, "max"), *reference_table1(distances, "mean")]
    assert set(written) == {key for key, _, _ in expected}
    for key, expected_mean, expected_error in expected:
        assert float(written[key]["mean"]) == pytest.approx(expected_mean, abs=1e-12)
        assert float(written[key]["sem"]) == pytest.approx(expected_error, abs=1e-12)
        assert written[key]["targets"] == "3"


def test_table_1_has_the_columns_and_rows_of_the_published_one(distances):
    rows = table_of(run_table1(distances)["csv"])
    assert list(rows[0]) == ["model", "pooling", "role", "metric", "space", "mean", "sem", "targets"]
    published = [
        (model["name"], role, metric, space)
        for model in MODELS
        for role, metric in [
            ("target", "distance_to_medoid"),
            ("non_target", "distance_all_languages"),
            ("non_target", "distance_to_medoid"),
            ("non_target", "distance_to_target"),
        ]
        for space in ("pre", "post")
    ]
    assert [(row["model"], row["role"], row["metric"], row["space"]) for row in rows] == published


def test_the_standard_error_of_a_single_target_is_not_available(distances):
    written = run_table1(distances, targets=["es"])
    assert {(row["sem"], row["targets"]) for row in table_of(written["csv"])} == {("", "1")}
    assert "±" not in written["markdown"] and r"\pm" not in written["latex"]


def test_paper_shaped_table_1_shows_the_csv_rounded_and_dashes_elsewhere(distances):
    written = run_table1(distances)
    shown = {
        (row["model"], row["role"], row["metric"], row["space"]): f"{float(row['mean']):.2f} ± {float(row['sem']):.2f}"
        for row in table_of(written["csv"])
    }
    metrics = list(product(["distance_all_languages", "distance_to_medoid", "distance_to_target"], ["pre", "post"]))
    body = markdown_rows(written["markdown"])
    assert [row[1] for row in body] == ["Target", "Non-Target"] * 2
    for row, (model, role) in zip(body, product(["bloom-7b", "aya-8b"], ["target", "non_target"]), strict=True):
        assert row[2:] == [shown.get((model, role, *metric), "–") for metric in metrics]


def test_a_target_outside_the_languages_is_compared_with_all_of_them(distances):
    languages = ["de", "en", "th"]
    written = table_of(run_table1(distances, targets=["es"], languages=languages)["csv"])
    to_target = next(row for row in written if row["metric"] == "distance_to_target" and row["space"] == "pre")
    frame = distances.frame
    chosen = frame[(frame["model"] == "bloom-7b") & (frame["units"] == "none") & (frame["measure"] == "pairs")]
    chosen = chosen[(chosen["query"] == "es") & chosen["candidate"].isin(languages)]
    assert float(to_target["mean"]) == pytest.approx(chosen["value"].mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"languages": [*LANGUAGES, "uk"]}, "language uk"),
        ({"targets": ["fr"]}, "language fr"),
        ({"poolings": ["last"]}, "pooling last"),
        ({"measure": "aligned"}, "measure aligned"),
        ({"medoid": "language_means"}, "medoid language_means"),
    ],
)
def test_a_missing_distance_is_refused_by_name(distances, changed, named):
    with pytest.raises(StudyError, match=named):
        run_table1(distances, **changed)


def test_a_missing_file_of_the_unintervened_model_is_refused(distances):
    distances.paths = [path for path in distances.paths if "base" not in path]
    with pytest.raises(StudyError, match=r"distances lack .* units none"):
        run_table1(distances)


def test_two_interventions_that_differ_in_k_are_refused(distances):
    path = Path(next(path for path in distances.paths if "en-expert-max" in path))
    other = path.with_name("k10.csv")
    other.write_text(path.read_text().replace("k9", "k10"))
    with pytest.raises(StudyError, match="en-expert-max-k10, en-expert-max-k9"):
        run_table1(SimpleNamespace(**{**vars(distances), "paths": [*distances.paths, str(other)]}))


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n"])
def test_a_file_that_holds_other_columns_is_refused(distances, text):
    Path(distances.paths[0]).write_text(text)
    with pytest.raises(StudyError, match="has no column"):
        run_table1(distances)


# --- Table 2 ---

TABLE2 = {"poolings": ["max"], "targets": TARGETS, "similarity": "cosine", "measure": "pairs", "candidates_set": "seen"}
TABLE2["resampling"] = {"resamples": 1_000, "interval": "percentile", "confidence": 0.95, "seed": 0}


@pytest.fixture
def correlations(tmp_path):
    frame, _ = write_metrics(tmp_path, "correlations", correlation_rows(["max", "mean"], np.random.default_rng(0)))
    undefined = (frame["query"] == "ja") & (frame["correlation"] == "acc_pre~d_pre")
    frame.loc[undefined, ["r", "ci_low", "ci_high", "p_value"]] = np.nan
    frame.loc[(frame["query"] == "es") & (frame["correlation"] == "acc_pre~d_pre"), "p_value"] = 0.05
    _, paths = write_metrics(tmp_path, "correlations", frame)
    return SimpleNamespace(folder=tmp_path, frame=frame, paths=paths)


def run_table2(correlations, **changed):
    return run(table_correlations, correlations.folder, {**TABLE2, **changed}, correlations=correlations.paths)


def shown_correlations(correlations):
    """What the four columns of every row must show, and whether in gray, by loops over the metric CSVs."""
    frame = correlations.frame
    for model, query, name in product(["bloom-7b", "aya-8b"], TARGETS, table_correlations.CORRELATIONS):
        key = {"model": model, "query": query, "correlation": name, "units": "expert", "pooling": "max"}
        key |= {"similarity": "cosine", "measure": "pairs", "candidates_set": "seen"}
        rows = frame[(frame[list(key)] == pd.Series(key)).all(axis=1)]
        assert len(rows) == 1
        row = rows.iloc[0]
        if math.isnan(row["r"]):
            yield "NA", False
        else:
            yield f"{row['r']:.2f} [{row['ci_low']:.2f} {row['ci_high']:.2f}]", row["p_value"] > 0.05


def test_table_2_shows_insignificant_correlations_in_gray_and_undefined_ones_as_NA(correlations):
    expected = list(shown_correlations(correlations))
    assert {gray for _, gray in expected} == {True, False} and ("NA", False) in expected
    written = run_table2(correlations)

    markdown = [cell for row in markdown_rows(written["markdown"]) for cell in row[2:]]
    assert markdown == [f"*{text}*" if gray else text for text, gray in expected]
    assert "*Italics*: not statistically significant (p > 0.05)" in written["markdown"]

    assert [cell for row in shown_rows(written["json"]) for cell in row[2:]] == expected

    body = written["latex"].split(r"\midrule", 1)[1]
    assert body.count(r"\textcolor{gray}{") == sum(gray for _, gray in expected)
    text, _ = next(pair for pair in expected if pair[1])
    r, low, high = text.replace("[", "").replace("]", "").split()
    assert rf"\textcolor{{gray}}{{${r}$ [${low}$ ${high}$]}}" in body


def test_table_2_csv_holds_every_reading_in_full_precision(correlations):
    written = pd.read_csv(io.StringIO(run_table2(correlations, poolings=["max", "mean"])["csv"]))
    columns = "model,pooling,similarity,measure,query,candidates_set,correlation,r,ci_low,ci_high,p_value,candidates"
    assert list(written.columns) == [*columns.split(","), "resamples"]
    expected = correlations.frame[correlations.frame["units"] == "expert"][list(written.columns)]
    key = list(written.columns[:7])
    pd.testing.assert_frame_equal(
        written.sort_values(key, ignore_index=True), expected.sort_values(key, ignore_index=True), check_dtype=False
    )


def test_table_2_says_how_many_resamples_were_undefined_and_whose_p_it_is(correlations):
    said = run_table2(correlations)["markdown"]
    assert "left out" not in said and "p is that of Pearson's r by Student's t distribution" in said
    frame = correlations.frame
    few = (frame["query"] == "en") & (frame["correlation"] == "d_post~d_pre") & (frame["model"] == "aya-8b")
    frame.loc[few, ["resamples", "ci_low", "ci_high"]] = [636, np.nan, np.nan]
    frame.loc[few & (frame["model"] != "aya-8b"), "resamples"] = 990
    frame.loc[(frame["query"] == "es") & (frame["correlation"] == "acc_post~d_post"), "resamples"] = 990
    frame.loc[frame["r"].isna(), "resamples"] = 0
    _, paths = write_metrics(correlations.folder, "correlations", frame)
    written = run_table2(SimpleNamespace(folder=correlations.folder, paths=paths))
    # Of 2 models, 3 targets and 4 correlations, those of ja that have no r at all are none of these.
    shown = 2 * len(TARGETS) * 4 - 2
    assert (
        f"are left out: of 3 of the {shown} correlations, 364 of 1,000 at most. The interval is NA where they are more "
        "than 5% (of 1 correlations)"
    ) in written["markdown"]


def test_table_2_without_the_shown_reading_is_refused(correlations):
    with pytest.raises(StudyError, match="similarity margin"):
        run_table2(correlations, similarity="margin")


def test_interval_ends_that_are_undefined_are_shown_as_such():
    cell = table_correlations.correlation_cell(0.5, math.nan, math.nan, math.nan)
    assert (cell.text, cell.latex, cell.gray) == ("0.50 [NA NA]", "$0.50$ [NA NA]", True)


def test_a_rounded_zero_has_no_sign():
    assert layout.number(-0.001) == "0.00"


# --- Tables 3 and 5 ---


@pytest.fixture
def paraphrase(tmp_path):
    frame, paths = write_metrics(tmp_path, "paraphrase", paraphrase_rows(["max", "mean"], np.random.default_rng(0)))
    return SimpleNamespace(folder=tmp_path, frame=frame, paths=paths)


def run_paraphrase(paraphrase, **changed):
    spec = {"poolings": ["max"], "targets": ["es"], "similarity": "cosine", "names": {"es": "Spanish"}}
    spec |= {"units": "expert", "seeds": [], **changed}
    return run(table_paraphrase, paraphrase.folder, spec, paraphrase=paraphrase.paths)


@pytest.mark.parametrize("targets", [["es"], ["en", "ja"]])
def test_paraphrase_tables_hold_the_accuracies_of_the_three_spaces(paraphrase, targets):
    written = run_paraphrase(paraphrase, targets=targets, poolings=["max", "mean"])
    rows = table_of(written["csv"])
    assert list(rows[0]) == ["model", "pooling", "similarity", "target", "pre", "post", "mixed", "pairs"]
    assert len(rows) == 2 * 2 * 2 * len(targets)
    frame = paraphrase.frame[paraphrase.frame["units"] == "expert"]
    for row in rows:
        key = {name: row[name] for name in ("model", "pooling", "similarity", "target")}
        expected = frame[(frame[list(key)] == pd.Series(key)).all(axis=1)].set_index("space")["accuracy"]
        assert {space: float(row[space]) for space in ("pre", "post", "mixed")} == expected.to_dict()
        assert row["pairs"] == "7"
    shown = [
        [f"{float(row[s]):.2f}" for s in ("pre", "post", "mixed")] for row in rows if row["similarity"] == "cosine"
    ]
    assert [row[-3:] for row in markdown_rows(written["markdown"])] == shown


def test_table_3_names_its_one_target_in_the_caption_and_table_5_has_a_column_for_it(paraphrase):
    one, several = run_paraphrase(paraphrase), run_paraphrase(paraphrase, targets=["en", "ja"])
    assert "Spanish" in one["markdown"] and "Language" not in one["markdown"]
    assert [row[1] for row in markdown_rows(several["markdown"])] == ["en", "ja"] * 2


def test_pooling_has_a_column_only_if_there_is_more_than_one(paraphrase):
    one, several = run_paraphrase(paraphrase), run_paraphrase(paraphrase, poolings=["mean", "max"])
    assert all("Pooling" not in one[name] for name in ("markdown", "latex", "json"))
    assert all("Pooling" in several[name] for name in ("markdown", "latex", "json"))
    assert [row[1] for row in markdown_rows(several["markdown"])] == ["mean", "max"] * 2
    assert {row["pooling"] for row in table_of(one["csv"])} == {"max"}


def test_a_missing_paraphrase_accuracy_is_refused_by_name(paraphrase):
    with pytest.raises(StudyError, match="target de"):
        run_paraphrase(paraphrase, targets=["de"])


# --- Rendering ---


def test_a_table_is_read_back_as_it_was_written_unrounded_and_undefined_values_included(distances, correlations):
    undefined = 0
    for written in (run_table1(distances), run_table2(correlations)):
        path = distances.folder / "copy.json"
        path.write_text(written["json"])
        table = layout.read(path)
        assert TypeAdapter(layout.Table).dump_json(table, indent=1).decode() + "\n" == written["json"]
        values = [cell.value for row in table.rows for cell in row[table.labels :]]
        assert None not in values
        undefined += sum(math.isnan(value) for value in values)
    assert undefined == 2 * 4 + 2  # four dashes a model in Table 1, one NA a model in Table 2


def test_the_json_keeps_the_unrounded_value_to_sort_by(paraphrase):
    written = run_paraphrase(paraphrase)
    shown = [row for row in table_of(written["csv"]) if row["similarity"] == "cosine"]
    kept = [[cell["value"] for cell in row[1:]] for row in json.loads(written["json"])["rows"]]
    assert kept == [[float(row[space]) for space in ("pre", "post", "mixed")] for row in shown]


def made_up_table(label):
    cells = [layout.Cell(label), layout.Cell("a"), layout.number_cell(0.5)]
    columns = [layout.Column("Model"), layout.Column("Language"), layout.Column("Pre", group="Accuracy")]
    return layout.Table("Title", "Caption.", columns, [cells, cells], labels=2)


LABELS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cs"]), min_size=1)


@given(LABELS)
@example("a|b\\|")
def test_any_label_is_one_markdown_cell(label):
    row = layout.as_markdown(made_up_table(label)).splitlines()[4]
    cells, escaped = [""], False
    for character in row:
        if character == "|" and not escaped:
            cells.append("")
        else:
            cells[-1] += character
        escaped = character == "\\" and not escaped
    assert len(cells) == 5
    assert cells[3].strip() == "0.50"


@given(LABELS)
@example("[a] {b} $c & d_e \\f #%~^")
def test_any_label_leaves_the_latex_with_as_many_columns_and_closed_groups(label):
    row = layout.as_latex(made_up_table(label), "tab:x").split("\\midrule\n")[1].splitlines()[0]
    plain = row.replace(r"\\", "").replace(r"\&", "").replace(r"\{", "").replace(r"\}", "").replace(r"\$", "")
    assert plain.count("&") == 2
    assert not row.startswith("[")  # would be the argument of the rule above
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    assert all(mark not in plain.replace(r"\#", "").replace(r"\%", "").replace(r"\_", "") for mark in "#%_~^")


def test_a_table_longer_than_a_page_is_broken_over_pages_in_latex():
    short, long = (made_up_table("a"), made_up_table("a"))
    long = layout.Table(**{**vars(long), "rows": long.rows * layout.PAGE_ROWS})
    assert r"\begin{table*}" in layout.as_latex(short, "tab:x")
    text = layout.as_latex(long, "tab:x")
    assert r"\begin{longtable}" in text and r"\end{longtable}" in text and "tabular" not in text
    assert text.index(r"\endhead") < text.index(r"\bottomrule") < text.index(r"\caption")


def test_latex_shows_repeated_labels_once_and_groups_with_a_rule():
    lines = layout.as_latex(made_up_table("A_b"), "tab:x").splitlines()
    assert r"\multicolumn{2}{c}{} & \multicolumn{1}{c}{Accuracy} \\" in lines
    assert r"\cmidrule(lr){3-3}" in lines
    assert r"A\_b & a & $0.50$ \\" in lines and r" & a & $0.50$ \\" in lines
    assert r"\label{tab:x}" in lines


@given(st.permutations(range(6)), st.lists(st.integers(0, 5), min_size=1))
def test_observations_are_found_in_the_order_they_are_asked_for(stored, asked):
    metrics = pd.DataFrame({"language": [f"l{i}" for i in stored], "value": stored})
    wanted = pd.DataFrame({"language": [f"l{i}" for i in asked]})
    assert list(metric_files.select(metrics, wanted, "values")["value"]) == asked


def test_language_codes_that_look_like_missing_values_are_read_as_codes(tmp_path):
    rows = [{"model": "m", "condition": "base", "units": "none", "target": "", "pooling": "", "language": "nan"}]
    path = tmp_path / "medoid.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    read = metric_files.read_metrics([path], ["language"])
    assert list(read["language"]) == ["nan"] and read["target"].isna().all()


def random_control(tmp_path, accuracy):
    """Metrics of the unintervened model (accuracy 0.5) and of the random control, one accuracy a seed."""
    base = {"model": "m", "condition": "base", "units": "none", "language": "en", "accuracy": 0.5}
    rows = [base] + [
        {**base, "condition": f"es-random-s{seed}", "units": "random", "target": "es", "pooling": "max"}
        | {"seed": seed, "accuracy": value}
        for seed, value in accuracy.items()
    ]
    path = tmp_path / "retrieval.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return metric_files.read_metrics([path], ["language", "accuracy"])


WANTED = pd.DataFrame([{"model": "m", "pooling": "max", "target": "es", "language": "en"}])


def test_the_random_control_has_the_mean_and_the_range_over_the_seeds_that_are_asked_for(tmp_path):
    metrics = random_control(tmp_path, {0: 0.2, 3: 0.6, 5: 0.1, 7: 1.0})
    (row,) = metric_files.pre_and_random(metrics, WANTED, "accuracy", [5, 0, 3], "accuracies").to_dict("records")
    assert row == {**WANTED.iloc[0], "pre": 0.5, "post": pytest.approx((0.2 + 0.6 + 0.1) / 3), "low": 0.1, "high": 0.6}


def test_a_seed_that_was_not_drawn_is_refused_by_name(tmp_path):
    metrics = random_control(tmp_path, {0: 0.2})
    with pytest.raises(StudyError, match=r"accuracies lack .* units random, seed 1"):
        metric_files.pre_and_random(metrics, WANTED, "accuracy", [0, 1], "accuracies")

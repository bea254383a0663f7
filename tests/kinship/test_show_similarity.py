"""Tables and figure of similarity of languages, from made-up metric CSVs."""

import json
from itertools import combinations, permutations, product

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.config.sections import Resampling
from workflow_scripts.figures import figure_similarity
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.kinship.mixed import fit_mixed_model
from workflow_scripts.kinship.outcomes import outcomes_of
from workflow_scripts.kinship.pair_correlations import correlate_pairs
from workflow_scripts.tables import layout, table_similarity, table_similarity_mixed

LANGUAGES = ["de", "en", "es", "fr", "it", "ja", "nl"]
COUNT = len(LANGUAGES)
MODELS = ["bloom-7b", "aya-8b"]
SPEC = {
    "models": [{"name": "bloom-7b", "label": "Bloom-7B"}, {"name": "aya-8b", "label": "Aya-8B"}],
    "poolings": ["max"],
    "targets": ["es", "en"],
    "languages": LANGUAGES,
    "dataset": "flores",
    "similarity": "cosine",
}
MIXED = {**SPEC, "confidence": 0.9}
CORRELATED = {
    **SPEC,
    "measure": "pairs",
    "resampling": {"resamples": 200, "confidence": 0.9, "seed": 3},
}
PROBED = 6  # of the languages, the first
OUTCOMES = ["retrieval", "distance", "ABX language", "ABX meaning", "transfer topics"]
MEASURES = ["genetic", "trigrams", "subwords"]


@pytest.fixture
def study(tmp_path):
    """Similarities by measure or (measure, model), values by what was measured, and the CSVs that hold them."""
    generator, of_discrimination = np.random.default_rng(0), np.random.default_rng(1)
    similar, measured, paths = {}, {}, {"similarities": [], "retrieval": [], "distances": [], "abx": [], "transfer": []}

    def symmetric():
        values = generator.random((COUNT, COUNT))
        return (values + values.T) / 2

    def write(kind, name, rows):
        paths[kind].append(tmp_path / f"{kind}-{name}.csv")
        pd.DataFrame(rows).to_csv(paths[kind][-1], index=False)

    def one_way(values):
        pairs = combinations(range(COUNT), 2)
        return [{"first": LANGUAGES[a], "second": LANGUAGES[b], "similarity": values[a, b]} for a, b in pairs]

    similar |= {measure: symmetric() for measure in MEASURES[:2]}
    write("similarities", "all", [{"measure": name, **row} for name in similar for row in one_way(similar[name])])
    for model in MODELS:
        similar["subwords", model] = symmetric()
        own = one_way(similar["subwords", model])
        write("similarities", model, [{"model": model, "measure": "subwords", **row} for row in own])
    for model, (target, pooling) in product(MODELS, [(None, None), *product(["es", "en"], ["max", "mean"])]):
        name = f"{target}-expert-{pooling}-k9" if target else "base"
        leading = {"model": model, "condition": name, "method": "force", "units": "expert" if target else "none"}
        leading |= {"target": target, "pooling": pooling, "k": 9, "seed": None, "dataset": "flores"}
        rows = {"retrieval": [], "distances": [], "abx": [], "transfer": []}
        for outcome in OUTCOMES:
            of_outcome = of_discrimination if outcome.startswith("ABX") else generator
            measured[outcome, model, target, pooling] = of_outcome.random((COUNT, COUNT))
        accuracy, distance, score = (
            measured[outcome, model, target, pooling] for outcome in ("retrieval", "distance", "transfer topics")
        )
        for one, other in permutations(range(COUNT), 2):
            pair = {"query": LANGUAGES[one], "candidate": LANGUAGES[other]}
            rows["retrieval"].append({**leading, "similarity": "cosine", **pair, "accuracy": accuracy[one, other]})
            rows["retrieval"].append({**leading, "similarity": "inner_product", **pair, "accuracy": 0.5})
            rows["distances"].append({**leading, "measure": "pairs", **pair, "value": distance[one, other]})
            rows["distances"].append({**leading, "measure": "means", **pair, "value": 0.5})
            for task in ("language", "meaning"):
                ends = {"first": LANGUAGES[one], "second": LANGUAGES[other]}
                of_pair = measured[f"ABX {task}", model, target, pooling][one, other]
                rows["abx"].append({**leading, "task": task, **ends, "sentences": 9, "score": of_pair})
        for one, other in product(range(PROBED), repeat=2):  # of fewer languages, and within one
            pair = {"task": "topics", "train": LANGUAGES[one], "test": LANGUAGES[other]}
            for measure, value in (("accuracy", score[one, other]), ("macro_f1", 0.1)):
                rows["transfer"].append({**leading, **pair, "measure": measure, "score": value})
        for kind, of_kind in rows.items():
            write(kind, f"{model}-{name}", of_kind)
    return similar, measured, paths


def run(stage, folder, spec, paths, kinds):
    files = {name: folder / f"{stage.__name__}.{name}" for name in ("csv", "markdown", "latex", "json")}
    options = [item for name, path in files.items() for item in (f"--{name}", str(path))]
    inputs = [item for kind in kinds for item in (f"--{kind}", *map(str, paths[kind]))]
    stage.main(["--spec", json.dumps(spec), *inputs, *options])
    return pd.read_csv(files["csv"]), layout.read(files["json"]), files


def test_correlations_are_of_each_outcome_with_each_similarity(tmp_path, study):
    similar, measured, paths = study
    tidy, table, _ = run(table_similarity, tmp_path, CORRELATED, paths, paths)
    assert len(tidy) == 2 * 5 * (1 + 2) * 2 * 3  # models, outcomes, quantities, coefficients, measures
    for model in MODELS:
        matrices = np.stack([similar["genetic"], similar["trigrams"], similar["subwords", model]])
        for outcome, target in product(OUTCOMES, [None, "es", "en"]):
            values = measured[outcome, model, None, None]
            if target:
                values = measured[outcome, model, target, "max"] - values
            if outcome.startswith("transfer"):
                values = np.where(np.arange(COUNT)[:, None] < PROBED, values, np.nan)
                values = np.where(np.arange(COUNT) < PROBED, values, np.nan)
            expected = correlate_pairs(matrices, values[None], Resampling(resamples=200, confidence=0.9, seed=3))
            here = tidy[(tidy["model"] == model) & (tidy["outcome"] == outcome)]
            here = here[here["target"].isna() if target is None else here["target"] == target]
            assert here["measure"].tolist() == MEASURES * 2
            assert here["coefficient"].tolist() == ["pearson"] * 3 + ["spearman"] * 3
            assert here["quantity"].unique().tolist() == ["change" if target else "pre"]
            for column, known in {"value": expected.values, "ci_low": expected.low, "ci_high": expected.high}.items():
                assert here[column].tolist() == pytest.approx(known[:, :, 0].ravel(), nan_ok=True)
            assert here["pairs"].unique() == [PROBED * (PROBED - 1) if outcome.startswith("transfer") else 42]
    assert [column.text for column in table.columns] == [
        *("Model", "Outcome", "Target", "", "Genetic", "Trigrams", "Subwords")
    ]
    assert len(table.rows) == 2 * 5 * 3 * 2
    outcomes = [row[1].text for row in table.rows[:30:2]]
    assert outcomes[:3] == ["Retrieval accuracy, pre", *["Retrieval accuracy, change"] * 2]
    assert outcomes[6:13:3] == ["ABX, language, pre", "ABX, meaning, pre", "Transfer: topics, pre"]
    assert [row[2].text for row in table.rows[:6:2]] == ["–", "es", "en"]
    first = tidy.iloc[0]
    assert table.rows[0][4].text == f"{first['value']:.2f} [{first['ci_low']:.2f} {first['ci_high']:.2f}]"
    assert table.rows[0][4].gray == (first["ci_low"] <= 0 <= first["ci_high"])


def test_without_transfer_and_with_two_poolings(tmp_path, study):
    paths = {**study[2], "transfer": []}
    tidy, table, files = run(table_similarity, tmp_path, {**CORRELATED, "poolings": ["max", "mean"]}, paths, paths)
    assert set(tidy["outcome"]) == {"retrieval", "distance", "ABX language", "ABX meaning"}
    assert [row[2].text for row in table.rows[:10:2]] == ["–", "max", "max", "mean", "mean"]
    latex = files["latex"].read_text()
    assert latex.count(r"$\rho$") == len(table.rows) / 2 + 1  # and in the caption
    assert latex.isascii()


def test_a_missing_accuracy_is_named(tmp_path, study):
    paths = study[2]
    rows = pd.read_csv(paths["retrieval"][1])
    rows[(rows["query"] != "de") | (rows["candidate"] != "ja")].to_csv(paths["retrieval"][1], index=False)
    with pytest.raises(StudyError, match=r"The values of retrieval accuracy lack 1 of 42 rows .*first de, second ja"):
        run(table_similarity, tmp_path, CORRELATED, paths, paths)


def test_over_two_languages_correlations_are_not_defined(tmp_path, study):
    paths = {**study[2], "transfer": []}
    tidy, table, _ = run(table_similarity, tmp_path, {**CORRELATED, "languages": ["de", "en"]}, paths, paths)
    assert tidy["value"].isna().all()
    assert {cell.text for row in table.rows for cell in row[4:]} == {"NA"}
    assert "fewer than three languages" in table.caption


def test_mixed_models_are_fitted_to_each_outcome(tmp_path, study):
    similar, measured, paths = study
    kinds = ["similarities", "retrieval", "abx", "transfer"]
    of_one = {**MIXED, "models": MIXED["models"][1:], "targets": ["es"]}
    tidy, table, _ = run(table_similarity_mixed, tmp_path, of_one, paths, kinds)
    assert len(tidy) == 4 * 2 * 3  # outcomes, quantities, measures
    model = MODELS[1]
    for outcome, target in product(["retrieval", "ABX language", "ABX meaning", "transfer topics"], [None, "es"]):
        values = measured[outcome, model, None, None]
        if target:
            values = (measured[outcome, model, target, "max"] - values).round(12)
        languages = PROBED if outcome.startswith("transfer") else COUNT
        values = np.pad(values[:languages, :languages], (0, COUNT - languages), constant_values=np.nan)
        matrices = np.stack([similar["genetic"], similar["trigrams"], similar["subwords", model]])
        expected = fit_mixed_model(values, matrices, 0.9)
        here = tidy[(tidy["model"] == model) & (tidy["outcome"] == outcome)]
        here = here[here["quantity"] == ("change" if target else "pre")]
        assert here["coefficient"].tolist() == pytest.approx(expected.coefficients)
        assert here["ci_low"].tolist() == pytest.approx(expected.low)
        for name, deviation in expected.deviations.items():
            assert here[f"sd_{name}"].unique() == pytest.approx([deviation], abs=1e-4)  # of none, rounding
        assert here["pairs"].unique() == [languages * (languages - 1)]
    assert tidy["note"].isna().all()
    first = tidy.iloc[0]
    assert table.rows[0][3].text.startswith(f"{100 * first['coefficient']:.2f} [")
    assert table.rows[0][-1].text == ""


def test_a_mixed_model_of_few_languages_says_so(tmp_path, study):
    few = {**MIXED, "languages": LANGUAGES[:4]}
    tidy, table, _ = run(table_similarity_mixed, tmp_path, few, study[2], ["similarities", "retrieval", "abx"])
    assert tidy["coefficient"].isna().all()
    assert {row[-1].text for row in table.rows} == {"too few languages"}
    assert {cell.text for row in table.rows for cell in row[3:10]} == {"NA"}


def test_the_figure_draws_every_correlation_of_a_model(tmp_path, study):
    run(table_similarity, tmp_path, {**CORRELATED, "poolings": ["max", "mean"]}, study[2], study[2])
    correlations = pd.read_csv(tmp_path / "workflow_scripts.tables.table_similarity.csv")
    spec = {"model": {"name": "aya-8b", "label": "Aya-8B"}, "dataset": "flores", "languages": LANGUAGES}
    spec["confidence"] = 0.95
    files = {name: str(tmp_path / f"figure.{name}") for name in ("pdf", "png", "csv", "json")}
    options = [item for name, path in files.items() for item in (f"--{name}", path)]
    source = str(tmp_path / "workflow_scripts.tables.table_similarity.csv")
    figure_similarity.main(["--spec", json.dumps(spec), "--correlations", source, *options])
    drawn = pd.read_csv(files["csv"])
    pd.testing.assert_frame_equal(drawn, correlations[correlations["model"] == "aya-8b"].reset_index(drop=True))

    labelled = figure_similarity.of_model(correlations, "aya-8b")
    figure = figure_similarity.draw(labelled, figure_similarity.Spec.model_validate(spec))
    left, right = figure.axes[:2]
    assert [left.get_title(), right.get_title()] == ["Pearson", "Spearman"]
    shown = [label.get_text() for label in left.get_yticklabels()]
    assert shown[:2] == ["Retrieval accuracy, pre", "Retrieval accuracy, change (es, max)"]
    for axis, coefficient in ((left, "pearson"), (right, "spearman")):
        of_one = labelled[labelled["coefficient"] == coefficient].set_index(["label", "measure"])
        values = axis.collections[0].get_array().reshape(len(shown), 3)
        texts = {(text.get_position()[1], text.get_position()[0]): text for text in axis.texts}
        for (row, name), (column, measure) in product(enumerate(shown), enumerate(MEASURES)):
            cell = of_one.loc[(name, measure)]
            assert values[row, column] == pytest.approx(cell["value"])
            text = texts[row + 0.5, column + 0.5]
            assert text.get_text() == f"{cell['value']:z.2f}".replace("-", "−")
            assert (text.get_weight() == "bold") == (cell["ci_low"] > 0 or cell["ci_high"] < 0)
    with pytest.raises(StudyError, match="have no row of other"):
        figure_similarity.of_model(correlations, "other")


def test_changes_that_are_equal_but_for_rounding_tie():
    languages = LANGUAGES[:3]
    pre = {pair: value for pair, value in zip(permutations(languages, 2), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], strict=True)}
    rows = [
        {"model": "m", "units": units, "target": target, "pooling": pooling, "outcome": "retrieval"}
        | {"first": one, "second": other, "value": value + added}
        for units, target, pooling, added in (("none", None, None, 0), ("expert", "es", "max", 0.1))
        for (one, other), value in pre.items()
    ]
    assert len({row["value"] - pre[row["first"], row["second"]] for row in rows[6:]}) > 1
    _, change = outcomes_of("m", [pd.DataFrame(rows)], ["max"], ["es"], languages)
    assert set(change.values[~np.eye(3, dtype=bool)]) == {0.1}

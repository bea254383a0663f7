"""Table 7 from made-up metric CSVs."""

import csv
import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.tables import layout, table_translation

MODELS = [{"name": "aya-8b", "label": "Aya-8B"}, {"name": "bloom-7b", "label": "Bloom-7B"}]
SPEC = {
    "models": MODELS,
    "poolings": ["max"],
    "datasets": {  # the order of keys says nothing
        "a-mine": {"benchmark": "bucc18", "targets": ["fr", "de"]},
        "sentences": {"benchmark": "tatoeba", "targets": ["es", "fr", "de", "ja"]},
    },
    "similarity": "cosine",
    "names": {"ja": "Japanese"},
}
DIRECTIONS = {"sentences": ["to_english", "from_english"], "a-mine": ["to_english"]}
PUBLISHED = Path(__file__).parents[2] / "workflow_scripts/paper/printed/table7.csv"


@pytest.fixture
def metrics(tmp_path):
    """Accuracies, and the CSV of each model, condition and data set."""
    generator = np.random.default_rng(0)
    accuracy, paths = {}, []
    conditions = [("base", None, None), *(("expert", t, p) for t in ("es", "fr", "de", "ja") for p in ("max", "mean"))]
    for model, (units, target, pooling), (dataset, directions) in product(
        ["aya-8b", "bloom-7b"], conditions, DIRECTIONS.items()
    ):
        name = "base" if units == "base" else f"{target}-expert-{pooling}-k9"
        leading = {"model": model, "condition": name, "method": "force", "k": 9, "seed": None, "dataset": dataset}
        leading |= {"units": "none" if units == "base" else units, "target": target, "pooling": pooling}
        rows = []
        languages = ["es", "fr", "de", "ja"] if dataset == "sentences" else ["fr", "de"]
        for similarity, language, direction in product(["cosine", "margin"], languages, directions):
            value = generator.random()
            accuracy[model, target, pooling, dataset, similarity, language, direction] = value
            observation = {"similarity": similarity, "language": language, "direction": direction}
            candidates = 1000 if dataset == "sentences" else 370_000
            rows.append({**leading, **observation, "queries": 1000, "candidates": candidates, "accuracy": value})
        paths.append(tmp_path / f"{model}-{name}-{dataset}.csv")
        pd.DataFrame(rows).to_csv(paths[-1], index=False)
    return accuracy, paths


def run(folder, spec, paths):
    """Run the stage; the rows of the CSV, and the table as the report shows it."""
    outputs = {name: folder / f"table7.{name}" for name in ("csv", "markdown", "latex", "json")}
    options = [item for name, path in outputs.items() for item in (f"--{name}", str(path))]
    table_translation.main(["--spec", json.dumps(spec), "--translation", *map(str, paths), *options])
    with outputs["csv"].open() as file:
        return list(csv.DictReader(file)), layout.read(outputs["json"])


def test_the_csv_holds_every_similarity_and_direction_before_and_after(tmp_path, metrics):
    accuracy, paths = metrics
    rows, _ = run(tmp_path, {**SPEC, "poolings": ["max", "mean"]}, paths)
    assert list(rows[0]) == (
        ["dataset", "model", "pooling", "similarity", "direction", "target", "pre", "post", "queries", "candidates"]
    )
    assert len(rows) == 2 * 2 * 2 * (2 * 4 + 1 * 2)
    for row in rows:
        dataset = {"tatoeba": "sentences", "bucc18": "a-mine"}[row["dataset"]]
        observation = (dataset, row["similarity"], row["target"], row["direction"])
        assert float(row["pre"]) == accuracy[(row["model"], None, None, *observation)]
        assert float(row["post"]) == accuracy[(row["model"], row["target"], row["pooling"], *observation)]
        assert (row["queries"], row["candidates"]) == ("1000", "1000" if dataset == "sentences" else "370000")


def test_the_shown_table_has_the_rows_of_the_published_one(tmp_path, metrics):
    rows, shown = run(tmp_path, SPEC, metrics[1])
    published = pd.read_csv(PUBLISHED)
    published = published[published["model"].isin(["aya-8b", "bloom-7b"])]
    labels = {"tatoeba": "Tatoeba", "bucc18": "BUCC-18", "aya-8b": "Aya-8B", "bloom-7b": "Bloom-7B"}
    expected = [
        [labels[row.dataset], labels[row.model], row.target]
        for row in published[["dataset", "model", "target"]].itertuples()
    ]
    assert [[cell.text for cell in row[:3]] for row in shown.rows] == expected
    values = {
        (labels[row["dataset"]], labels[row["model"]], row["target"]): [f"{float(row[s]):.3f}" for s in ("pre", "post")]
        for row in rows
        if (row["similarity"], row["direction"]) == ("cosine", "to_english")
    }
    for row in shown.rows:
        assert [cell.text for cell in row[3:]] == values[tuple(cell.text for cell in row[:3])]


def test_a_study_with_one_of_the_data_sets_and_some_targets_has_those_rows(tmp_path, metrics):
    datasets = {"a-mine": {"benchmark": "bucc18", "targets": ["de"]}}
    rows, shown = run(tmp_path, {**SPEC, "datasets": datasets}, metrics[1])
    assert [(row["dataset"], row["model"], row["target"]) for row in rows if row["similarity"] == "cosine"] == [
        ("bucc18", "aya-8b", "de"),
        ("bucc18", "bloom-7b", "de"),
    ]
    assert len(shown.rows) == 2
    assert "Tatoeba" not in shown.caption and "all English sentences" in shown.caption


def test_poolings_are_told_apart(tmp_path, metrics):
    _, shown = run(tmp_path, {**SPEC, "poolings": ["mean", "max"]}, metrics[1])
    assert [column.text for column in shown.columns[:4]] == ["Data set", "Model", "Pooling", "Language"]
    assert [row[2].text for row in shown.rows[:8]] == ["mean"] * 4 + ["max"] * 4


def test_a_target_without_an_intervention_is_named(tmp_path, metrics):
    datasets = {"sentences": {"benchmark": "tatoeba", "targets": ["es", "it"]}}
    with pytest.raises(StudyError, match=r"translation accuracies lack .* language it"):
        run(tmp_path, {**SPEC, "datasets": datasets}, metrics[1])


def test_two_data_sets_under_one_name_are_refused():
    dataset = {"benchmark": "tatoeba", "targets": ["es"]}
    with pytest.raises(ValidationError, match="one, other must be different benchmarks"):
        table_translation.Spec(**{**SPEC, "datasets": {"one": dataset, "other": dataset}})

"""Table 6: paraphrase retrieval under random neurons, from made-up metric CSVs; and that Tables 3 and 5 ignore them."""

import csv
import json
from itertools import product
from statistics import mean, stdev

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.tables import table_paraphrase

MODELS = [{"name": "bloom-7b", "label": "Bloom-7B"}, {"name": "aya-8b", "label": "Aya-8B"}]
SPEC = {
    "models": MODELS,
    "poolings": ["max"],
    "targets": ["en", "es"],
    "similarity": "cosine",
    "names": {},
    "units": "expert",
    "seeds": [],
}
RANDOM = {**SPEC, "units": "random", "seeds": [3, 1, 4]}


@pytest.fixture
def metrics(tmp_path):
    """Accuracies by condition, and the CSV of each."""
    generator = np.random.default_rng(0)
    accuracy, paths = {}, []
    for model, target, (units, seed) in product(
        ["bloom-7b", "aya-8b"], ["en", "es"], [("expert", None), *(("random", seed) for seed in (0, 1, 3, 4))]
    ):
        condition = f"{target}-{units}-max-k9-s{seed}"
        leading = {"model": model, "condition": condition, "method": "force", "units": units, "target": target}
        leading |= {"pooling": "max", "k": 9, "seed": seed, "dataset": "paws-x"}
        rows = []
        for similarity, space in product(["cosine", "margin"], ["pre", "post", "mixed"]):
            value = 0.7 if space == "pre" else generator.random()
            accuracy[model, target, units, seed, similarity, space] = value
            observation = {"similarity": similarity, "language": target, "space": space, "pairs": 7, "accuracy": value}
            rows.append({**leading, **observation})
        paths.append(tmp_path / f"{model}-{condition}.csv")
        pd.DataFrame(rows).to_csv(paths[-1], index=False)
    return accuracy, paths


def run(folder, spec, paths):
    """Run the stage; the rows of the CSV, and of the Markdown's body, and its text."""
    outputs = {name: folder / f"table6.{name}" for name in ("csv", "markdown", "latex", "json")}
    options = [item for name, path in outputs.items() for item in (f"--{name}", str(path))]
    table_paraphrase.main(["--spec", json.dumps(spec), "--paraphrase", *map(str, paths), *options])
    text = outputs["markdown"].read_text()
    body = [line for line in text.splitlines() if line.startswith("|")][2:]
    with outputs["csv"].open() as file:
        rows = list(csv.DictReader(file))
    return rows, [[cell.strip() for cell in line.strip("|").split("|")] for line in body], text


def test_the_csv_has_a_row_for_each_seed(tmp_path, metrics):
    accuracy, paths = metrics
    rows, _, _ = run(tmp_path, RANDOM, paths)
    assert list(rows[0]) == ["model", "pooling", "similarity", "target", "seed", "pre", "post", "mixed", "pairs"]
    assert len(rows) == 2 * 2 * 2 * 3
    for row in rows:
        for space in ("pre", "post", "mixed"):
            key = (row["model"], row["target"], "random", int(row["seed"]), row["similarity"], space)
            assert float(row[space]) == accuracy[key]
        assert row["pairs"] == "7"
    assert [row["seed"] for row in rows[:3]] == ["3", "1", "4"]


def test_the_table_shows_mean_and_standard_deviation_over_the_seeds_of_each_target(tmp_path, metrics):
    accuracy, paths = metrics
    _, body, text = run(tmp_path, RANDOM, paths)
    expected = []
    for model, target in product(MODELS, ["en", "es"]):
        shown = []
        for space in ("post", "mixed"):
            values = [accuracy[model["name"], target, "random", seed, "cosine", space] for seed in (3, 1, 4)]
            shown.append(f"{mean(values):.2f} ± {stdev(values):.2f}")
        expected.append([model["label"], target, "0.70", *shown])
    assert body == expected
    assert "as many random neurons as there are experts: mean ± standard deviation over 3 draws" in text


def test_a_single_seed_has_no_spread(tmp_path, metrics):
    _, body, text = run(tmp_path, {**RANDOM, "seeds": [1]}, metrics[1])
    assert "±" not in text
    accuracy = metrics[0]["bloom-7b", "en", "random", 1, "cosine", "post"]
    assert body[0] == ["Bloom-7B", "en", "0.70", f"{accuracy:.2f}", body[0][-1]]


def test_the_tables_of_experts_know_nothing_of_seeds(tmp_path, metrics):
    accuracy, paths = metrics
    rows, body, text = run(tmp_path, SPEC, paths)
    assert list(rows[0]) == ["model", "pooling", "similarity", "target", "pre", "post", "mixed", "pairs"]
    assert body[0][-1] == f"{accuracy['bloom-7b', 'en', 'expert', None, 'cosine', 'mixed']:.2f}"
    assert "random" not in text


def test_a_seed_that_was_not_drawn_is_named(tmp_path, metrics):
    with pytest.raises(StudyError, match=r"seed 9"):
        run(tmp_path, {**RANDOM, "seeds": [1, 9]}, metrics[1])


def test_the_random_control_without_seeds_is_refused():
    with pytest.raises(ValidationError, match="units: random needs seeds"):
        table_paraphrase.Spec(**{**RANDOM, "seeds": []})

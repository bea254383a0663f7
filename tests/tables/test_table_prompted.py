"""The table of texts from the BOS token and from prompts, from made-up metric CSVs."""

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.tables import layout, table_prompted

MEASURES = ["accuracy", "ngram_log_perplexity", "distinct_trigrams"]
SPEC = {
    **{"models": [{"name": "tiny", "label": "Tiny"}], "poolings": ["max"], "targets": ["es", "de"], "ks": [0, 9]},
    **{"seeds": [0, 3], "sentences": 8, "words": 4, "language_name": "English"},
}


@pytest.fixture
def sweeps(tmp_path):
    """Values by start, target, k, seed and measure, and the CSVs that hold them."""
    generator, values, paths = np.random.default_rng(0), {}, {"language-id": [], "prompted": []}
    for start, target in product(paths, SPEC["targets"]):
        rows = []
        for k, seed in product(SPEC["ks"], SPEC["seeds"]):
            row = {"model": "tiny", "condition": f"k{k}", "units": "expert" if k else "none", "target": target}
            row |= {"pooling": "max", "k": k, "sample_seed": seed}
            for measure in MEASURES:
                row[measure] = values[start, target, k, seed, measure] = generator.random()
            rows.append(row)
        paths[start].append(tmp_path / f"{start}-{target}.csv")
        pd.DataFrame(rows).to_csv(paths[start][-1], index=False)
    return values, paths


def run(folder, paths, **changed):
    files = {name: folder / f"prompted.{name}" for name in ("csv", "markdown", "latex", "json")}
    options = [item for name, path in files.items() for item in (f"--{name}", str(path))]
    inputs = [item for name, given in paths.items() for item in (f"--{name}", *map(str, given))]
    table_prompted.main(["--spec", json.dumps({**SPEC, **changed}), *inputs, *options])
    return pd.read_csv(files["csv"]), layout.read(files["json"])


def test_every_measure_is_the_mean_over_seeds_from_either_start(tmp_path, sweeps):
    values, paths = sweeps
    tidy, table = run(tmp_path, paths)
    assert len(tidy) == 2 * 2 * 2
    shown = iter(table.rows)
    for target, k in product(["es", "de"], [0, 9]):
        row = next(shown)
        assert [cell.text for cell in row[:3]] == ["Tiny", target, str(k)]
        expected = [
            np.mean([values[start, target, k, seed, measure] for seed in (0, 3)])
            for start in ("language-id", "prompted")
            for measure in MEASURES
        ]
        assert [cell.text for cell in row[3:]] == [f"{value:.3f}" for value in expected]
        of_key = tidy[(tidy["target"] == target) & (tidy["k"] == k)].set_index("start")
        assert of_key.loc[["bos", "prompt"], MEASURES].to_numpy().ravel() == pytest.approx(expected)
    assert "first 4 words of as many English sentences" in table.caption
    with pytest.raises(StudyError, match=r"languages of generated texts lack .* sample_seed 1"):
        run(tmp_path, paths, seeds=[0, 1])

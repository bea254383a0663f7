"""The same config gives the same bytes, however many jobs run at a time; other batches give the same up to rounding."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from planning import TINY
from running import copy_repository, run_snakemake

pytestmark = pytest.mark.slow

# What needs every stage that measures something; table 2 and the claims need most of them.
WANTED = ["table1.csv", "table2.csv", "table7.csv", "claims.csv", "figures/projection/tiny/es.csv"]
OF_THE_RUN = {"compute.csv"}  # hours and memory
# Largest difference of a number, relative to it or absolute; sums of float32 in another order.
TOLERANCE = 1e-4


def measured(folder: Path) -> dict[str, Path]:
    """All CSVs of a study by their path among the results, without those that say what the run took."""
    results = folder / "results"
    paths = {str(path.relative_to(results)): path for path in results.rglob("*.csv")}
    return {name: path for name, path in paths.items() if name not in OF_THE_RUN}


def run(folder: Path, *arguments: str) -> dict[str, Path]:
    """Run the smallest study from nothing; its CSVs."""
    copy_repository(folder)
    run_snakemake(folder, *(f"results/{path}" for path in WANTED), *arguments, *TINY)
    made = measured(folder)
    assert set(WANTED) < set(made)
    return made


def test_one_job_at_a_time_gives_the_same_bytes(finished, tmp_path):
    made, expected = run(tmp_path / "study", "--cores", "1"), measured(finished)
    assert [name for name, path in made.items() if path.read_bytes() != expected[name].read_bytes()] == []


def test_other_batches_give_the_same_numbers_up_to_rounding(finished, tmp_path):
    made = run(tmp_path / "study", "--cores", "2", "--config", "compute={tokens_per_batch: 40}")
    expected = measured(finished)
    different = [name for name, path in made.items() if path.read_bytes() != expected[name].read_bytes()]
    assert any(name.startswith("metrics/") for name in different)  # or batches were the same
    for name in different:
        ours, theirs = pd.read_csv(made[name]), pd.read_csv(expected[name])
        numbers = ours.select_dtypes("number").columns
        pd.testing.assert_frame_equal(ours.drop(columns=numbers), theirs.drop(columns=numbers))
        np.testing.assert_allclose(ours[numbers], theirs[numbers], rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)

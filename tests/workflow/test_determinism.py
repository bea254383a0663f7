"""The same config gives the same bytes, however many jobs run at a time; other batches give the same up to rounding."""

from pathlib import Path

import pandas as pd
import pytest
from running import TINY, copy_repository, run_snakemake, with_models_and_texts_alone

pytestmark = pytest.mark.exhaustive

WANTED = [
    "results/table1.csv",
    "results/table2.csv",
    "results/metrics/tiny/es-random-max-k5-s1/tiny-devtest/retrieval.csv",
    "results/metrics/tiny/es-expert-max-k5/tiny-tatoeba/translation.csv",
    "results/sweeps/tiny/es-max/language_id.csv",
    "results/sweeps/tiny/es-max/perplexity.csv",
    "results/figures/projection/tiny/es.csv",
]
# Largest difference of a number, relative to it or absolute; sums of float32 in another order.
TOLERANCE = 1e-5


def measured(folder: Path) -> dict[str, Path]:
    """All CSVs of a study by their path in it."""
    return {str(path.relative_to(folder)): path for path in (folder / "results").rglob("*.csv")}


def test_one_job_at_a_time_gives_the_same_bytes(finished, tmp_path):
    folder = copy_repository(tmp_path / "study")
    run_snakemake(folder, *WANTED, "--cores", "1", *TINY)
    made, expected = measured(folder), measured(finished)
    assert set(WANTED) < set(made)
    assert [name for name, path in made.items() if path.read_bytes() != expected[name].read_bytes()] == []


def test_other_batches_give_the_same_numbers_up_to_rounding(finished, tmp_path):
    folder = with_models_and_texts_alone(finished, tmp_path / "study")
    smaller = ("--config", "compute={tokens_per_batch: 40}", "--printshellcmds")
    done = run_snakemake(folder, *WANTED, "--cores", "2", *smaller, *TINY)
    assert " --tokens-per-batch 40 " in done.stdout
    made, expected = measured(folder), measured(finished)
    assert set(WANTED) < set(made)
    for name, path in made.items():
        ours, theirs = pd.read_csv(path), pd.read_csv(expected[name])
        pd.testing.assert_frame_equal(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE, obj=name)

"""What needs a network is fetched beforehand; the rest runs without one."""

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from local_hub import COMMIT, REPOSITORY, local_hub
from running import copy_repository, run_snakemake

from workflow_scripts.config.languages import LANGUAGES


@pytest.fixture
def from_the_hub(finished, tmp_path):
    """A study of the finished one's model and probing sentences, taken from a hub; and the directory of the model."""
    folder = copy_repository(tmp_path / "study")
    for language, rows in pd.read_parquet(finished / "results/texts/tiny-dev.parquet").groupby("lang"):
        sentences = folder / "texts" / LANGUAGES[language].flores / "dev/0000.parquet"
        sentences.parent.mkdir(parents=True)
        pd.DataFrame({"sentence": rows["text"]}).to_parquet(sentences)
    overlay = {
        "study": {"models": ["fetched"], "probing": {"dataset": "fetched-dev"}},
        "models": {
            "fetched": {
                "label": "Fetched",
                "hub": REPOSITORY,
                "revision": COMMIT,
                "k": 5,
                "device": "cpu",
                "threads": 1,
            }
        },
        "datasets": {
            "fetched-dev": {"source": "hub", "layout": "flores200", "split": "dev", "repository": f"{folder}/texts"}
        },
    }
    (folder / "hub.yaml").write_text(yaml.safe_dump(overlay))
    return folder, finished / "results/models/tiny/weights"


def test_a_model_job_runs_offline_on_what_was_fetched_before(from_the_hub, finished, tmp_path):
    folder, weights = from_the_hub
    home = {"HF_HOME": str(tmp_path / "shared cache")}
    arguments = ("--cores", "2", "--configfile", "tiny.yaml", "hub.yaml")
    with local_hub(weights) as endpoint:
        online = {**home, "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": endpoint}
        fetched = run_snakemake(folder, "prefetch", *arguments, variables=online).stdout
    assert "rule record_responses" not in fetched
    assert sorted(path.name for path in (folder / "results/texts").iterdir()) == ["fetched-dev.parquet"]

    run_snakemake(folder, "results/activations/fetched.h5", *arguments, variables=home)
    with (
        h5py.File(folder / "results/activations/fetched.h5") as made,
        h5py.File(finished / "results/activations/tiny.h5") as expected,
    ):
        for language in ("en", "es", "ja"):
            np.testing.assert_array_equal(made["max"][language], expected["max"][language])

"""Files of a model and of texts that lie outside the results: one that was overwritten is noticed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from planning import read_dry_run
from running import ENVIRONMENT, TINY, copy_repository, run_snakemake
from safetensors.numpy import load_file, save_file

from workflow_scripts.embeddings.sentences import embed
from workflow_scripts.models.loading import load_model
from workflow_scripts.models.manifests import read_manifest
from workflow_scripts.texts.schema import read_part

PROBING = ["de", "en", "es", "ja"]
TEXTS = "results/texts/own.parquet"
EMBEDDINGS = "results/embeddings/mine/base/tiny-devtest.h5"
LAYER = "results/conditions/mine/es-layer-shift.json"
# What the described model makes impossible, the target that needs it, and what is said of it before any job.
IMPOSSIBLE = [
    (
        "results/table2.csv",
        "models",
        {"mine": {"k": 321}},
        r"models\.mine\.k: 321 is more than the 320 neurons of mine; .*more\.yaml, line 3",
    ),
    (
        LAYER,
        "methods",
        {"shift": {"method": "mean_difference", "layer": 9}},
        r"methods\.shift\.layer: 9, .* 1 to 1.*, line 3",
    ),
]
LESS = {"paraphrase": None, "translation": None, "mining": None, "topics": None, "treebank": None, "comparison": None}


@pytest.fixture(scope="module")
def made(model_directory, tmp_path_factory):
    """A study of a model in a directory, whose embeddings are made. Tests must not change it."""
    folder = copy_repository(tmp_path_factory.mktemp("given") / "study")
    shutil.copytree(model_directory("bloom"), folder / "model")
    model = {"label": "Mine", "path": "model", "k": 5, "device": "cpu", "threads": 1}
    for code in PROBING:
        (folder / f"{code}.txt").write_text("One.\nTwo.\n")
    study = {"models": ["mine"], "probing": {"dataset": "own", "languages": PROBING}, **LESS}
    own = {"source": "local", "layout": "lines", "split": "dev", "path": "."}
    mine = {"study": study, "models": {"mine": model}, "datasets": {"own": own}, "data_root": "."}
    (folder / "mine.yaml").write_text(yaml.safe_dump(mine))
    run(folder, wanted=[EMBEDDINGS, TEXTS])
    return folder


@pytest.fixture
def study(made, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(made, tmp_path / "study", symlinks=True)


def run(folder, *arguments, overlays=(), check=True, wanted=(EMBEDDINGS,)):
    """What Snakemake says of the embeddings of the unintervened model, or of other files."""
    command = (*wanted, "--cores", "1", *arguments, *TINY, "mine.yaml", *overlays)
    return run_snakemake(folder, *command, check=check).stdout


def overwrite(folder):
    weights = folder / "model/model.safetensors"
    draw = np.random.default_rng(0)
    changed = {
        name: values + draw.normal(scale=0.05, size=values.shape).astype("float32")
        for name, values in load_file(weights).items()
    }
    save_file(changed, weights, metadata={"format": "pt"})


def assert_all_are_of_the_weights_on_disk(folder, monkeypatch):
    monkeypatch.chdir(folder)
    model = load_model(read_manifest(folder / "results/models/mine/model.json"), "cpu")
    with h5py.File(folder / EMBEDDINGS) as file:
        for language in file:
            _, texts = read_part(folder / "results/texts/tiny-devtest.parquet", language, "sentence")
            found = file[f"{language}/sentence/embeddings"][:]
            np.testing.assert_allclose(found, embed(model, texts, max_tokens=128), rtol=1e-4, atol=1e-5)
        return sorted(file)


def test_overwritten_weights_are_noticed_and_never_mixed_with_the_former_ones(study, monkeypatch):
    assert read_dry_run(run(study, "-n")) == set()
    assert_all_are_of_the_weights_on_disk(study, monkeypatch)

    for target, key, value, message in IMPOSSIBLE:
        (study / "more.yaml").write_text(yaml.safe_dump({key: value}))
        refused = run(study, "-n", overlays=["more.yaml"], check=False, wanted=[target])
        assert re.search(message, refused), refused

    overwrite(study)
    planned = {job.rule for job in read_dry_run(run(study, "-n"))}
    assert {"describe_model", "embed_sentences"} <= planned
    (study / "more.yaml").write_text("study: {alignment: {languages: [de, en, es, ru, ja]}}\n")
    run(study, overlays=["more.yaml"])
    assert assert_all_are_of_the_weights_on_disk(study, monkeypatch) == ["de", "en", "es", "ja", "ru"]


def test_older_files_in_the_place_of_newer_ones_are_noticed(study):
    assert read_dry_run(run(study, "-n", wanted=[EMBEDDINGS, TEXTS])) == set()
    overwrite(study)
    (study / "de.txt").write_text("One.\nSix.\n")  # as many bytes
    for path in ("model/model.safetensors", "de.txt"):
        os.utime(study / path, (1e9, 1e9))
    planned = {job.rule for job in read_dry_run(run(study, "-n", wanted=[EMBEDDINGS, TEXTS]))}
    assert planned == {"describe_model", "embed_sentences", "read_texts"}
    command = [sys.executable, "-m", "workflow_scripts.plan.why", EMBEDDINGS, TEXTS, *TINY, "mine.yaml"]
    said = subprocess.run(command, cwd=study, env=ENVIRONMENT, capture_output=True, text=True).stdout
    changed = r"  - the input (\S+) is another file: (\d+) bytes, \d+ s → \2 bytes, 1000000000 s\n"
    found = sorted(Path(path).name for path, _ in re.findall(changed, said))
    assert found == ["de.txt", "model.safetensors"]
    assert "config.json" not in said

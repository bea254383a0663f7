"""The config: what it may say (what it may not: tests/refusals); and that its generated descriptions are current."""

from pathlib import Path

import pytest
import yaml

from workflow_scripts.config import document
from workflow_scripts.config.pin import UNPINNED, pin
from workflow_scripts.config.study import read_config
from workflow_scripts.jobs.errors import StudyError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def raw() -> dict:
    return yaml.safe_load((ROOT / "studies" / "scratch.yaml").read_text())


def test_the_default_config_is_valid(raw):
    assert read_config(raw, ["config.yaml"]).study.models == ["demo"]


COMMIT = "93efa2f097d58c2a74874c7e644dbc9b0cee75a2"


def test_a_language_can_be_added_by_config(raw):
    raw["languages"] = {"sv": {"name": "Swedish", "iso639_3": "swe", "flores": "swe_Latn"}}
    raw["study"]["alignment"]["languages"].append("sv")
    assert read_config(raw, []).language_table["sv"].name == "Swedish"


def test_norwegian_is_accepted_in_quotes_and_refused_without(raw):
    norwegian = {"name": "Norwegian", "iso639_3": "nob", "flores": "nob_Latn"}
    assert "no" in read_config({**raw, "languages": {"no": norwegian}}, []).language_table
    with pytest.raises(StudyError, match="YAML reads an unquoted no as false"):
        read_config({**raw, "languages": {False: norwegian}}, [])


def test_the_schema_and_the_description_are_current():
    """After a change to the config's models: make schema."""
    assert (ROOT / "docs" / document.DESCRIPTION).read_text() == document.description()
    written = (ROOT / "docs" / document.SCHEMA).read_text()
    assert yaml.safe_load(written) == document.schema()


def test_pinning_replaces_zeros_and_nothing_else():
    text = (
        "models:\n  a:\n    hub: owner/a # comment\n"
        f'    revision: "{UNPINNED}" # pin me\n'
        f"  b:\n    hub: owner/b\n    revision: {COMMIT}\n"
        f"datasets:\n  c:\n    repository: owner/c\n    revision: {UNPINNED}\n"
    )
    commits = {("model", "owner/a"): "a" * 40, ("dataset", "owner/c"): "1" * 40}
    pinned = pin(text, lambda kind, repository: commits[kind, repository])
    assert yaml.safe_load(pinned) == {
        "models": {"a": {"hub": "owner/a", "revision": "a" * 40}, "b": {"hub": "owner/b", "revision": COMMIT}},
        "datasets": {"c": {"repository": "owner/c", "revision": "1" * 40}},
    }
    assert "# comment" in pinned
    assert "# pin me" in pinned
    with pytest.raises(StudyError, match="line 1: the revision must follow"):
        pin(f"revision: {UNPINNED}", lambda kind, repository: "")
